import Foundation
import NIOCore
import Sandbox
import SecretMemory

/// A way from a command that the owner starts to the running service: the service holds the pass for as long as this program stays.
enum OwnersBridge {
  private struct Order: Encodable {
    let agent: String
    let tools: [String]
  }

  private struct Pass: Decodable {
    let socket: String
    let token: String
  }

  /// Runs `body` with a way to the service for one command of an agent.
  /// - Throws: ``CommandFailure/serviceNotRunning`` without a service.
  static func lend<R: Sendable>(
    to agent: String, tools: [String], _ body: (SandboxBridge) async throws -> R
  ) async throws -> R {
    try await Owner.withService { owner in
      let (lines, line) = AsyncThrowingStream.makeStream(of: Data.self)
      let holding = Task {
        var said = Data()
        do {
          // For as long as a command may run, and what comes before and after it.
          try await owner.stream(
            "/control/sandbox/passes", Order(agent: agent, tools: tools), timeout: .hours(25)
          ) { bytes in
            said += bytes.readableBytesView
            if said.last == UInt8(ascii: "\n") { line.yield(said) }
          }
          line.finish(throwing: CommandFailure.serviceNotRunning)
        } catch {
          line.finish(throwing: error)
        }
      }
      defer { holding.cancel() }
      var all = lines.makeAsyncIterator()
      guard let first = try await all.next() else { throw CommandFailure.serviceNotRunning }
      let pass = try JSONDecoder().decode(Pass.self, from: first)
      return try await body(
        SandboxBridge(socket: pass.socket) { _ throws(SandboxError) in
          var token = Array(pass.token.utf8)
          return BridgePass(token: SecretBytes(taking: &token)) {}
        })
    }
  }
}
