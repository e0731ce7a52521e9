import Foundation
import Keyring
import Sandbox
import SecretMemory
import Synchronization

@testable import Host

/// Two agents of a served host, and a pass for a command of each.
struct ServedBridge: Sendable {
  let host: WholeHost
  let agent: UUID
  let other: UUID
  /// Of a command of the agent.
  let pass: BridgePass
  /// Of a command of the other one.
  let otherPass: BridgePass
  /// At the agent's socket, with its pass.
  let client: WireClient

  /// Runs `body` with a bridge.
  /// - Parameter tools: what the agent's command may call.
  static func run(
    tools: Set<String> = [], plugin: String? = nil,
    _ body: @escaping @Sendable (ServedBridge) async throws -> Void
  ) async throws {
    try await WholeHost.serve { host, _ in
      let (agent, other) = (try await host.agent("Ada").id, try await host.agent("Bob").id)
      let sandboxes = host.services.sandboxes
      let pass = try sandboxes.passes.make(for: agent, HostCalls(tools: tools, plugin: plugin))
      let otherPass = try sandboxes.passes.make(for: other)
      var client = WireClient(socket: try await sandboxes.bridge(of: agent))
      client.key = pass.text
      try await body(
        ServedBridge(
          host: host, agent: agent, other: other, pass: pass, otherPass: otherPass, client: client))
      withExtendedLifetime((pass, otherPass)) {}
    }
  }

  /// Status and the words of a refusal.
  func refusal(
    _ method: String, _ path: String, _ body: String? = nil, headers: [String] = []
  ) async throws -> String {
    let answer = try await client.ask(method, path, body.map { Array($0.utf8) }, headers: headers)
    return "\(answer.status) \(answer.json["error"] as? String ?? "-")"
  }

  /// Runs a shell script in the agent's sandbox, as the agent's own commands are run.
  func shell(
    _ script: String, tools: Set<String> = [], of agent: UUID? = nil
  ) async throws -> ExecutionResult {
    let sandbox = try await host.services.sandboxes.sandbox(of: agent ?? self.agent)
    var request = ExecutionRequest(["sh", "-c", script])
    request.timeLimit = .seconds(120)
    request.hostCalls.tools = tools
    return try await sandbox.sessions.run(request, for: sandbox.agent, with: sandbox.launcher)
  }
}

extension BridgePass {
  var text: String { withToken { token in token.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } } }
}

extension ServedBridge {
  /// The same, for somebody who shows another pass, or none.
  init(_ bridge: ServedBridge, key: String?, _ socket: String) {
    var client = WireClient(socket: socket)
    client.key = key
    self.init(
      host: bridge.host, agent: bridge.agent, other: bridge.other, pass: bridge.pass,
      otherPass: bridge.otherPass, client: client)
  }
}

extension BridgePasses {
  static func opened() -> BridgePasses {
    let passes = BridgePasses()
    passes.open()
    return passes
  }
}

/// A connection on which nothing is said.
final class IdleSocket: Sendable {
  private let number: Int32

  init(_ path: String) throws {
    number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var place = sockaddr_un()
    place.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let isConnected = withUnsafePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(number, $0, size) == 0 }
    }
    guard isConnected else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
  }

  deinit { close(number) }
}

/// A path to be looked at later.
final class HeldFolders: Sendable {
  let path = Mutex("")
}
