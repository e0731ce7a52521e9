import AsyncHTTPClient
import Foundation
import Identity
import NIOCore
import NIOHTTP1
import Relay
import SecretMemory
import Synchronization

/// Finds out whether requests to an agent's public URL arrive at this host, and what it answers comes back.
///
/// Each try asks for `/health?probe=<question>` there, with a question that nobody else knows; where that arrives through the
/// tunnel, the answer carries a secret that only this process has. Whoever answers in this host's place does not know it.
final class RouteProbes: Sendable {
  /// Carries the answer; relays let headers of this name pass.
  static let header = "X-Health-Proof"
  private static let path = "/health?probe="
  private static let tries = 3
  private static let timeout = TimeAmount.seconds(8)

  private let open = Mutex<[String: String]>([:])
  private let pause: @Sendable (Duration) async throws -> Void

  /// - Parameter pause: waits between two tries.
  init(pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }) {
    self.pause = pause
  }

  /// The answer to a question of this process that came through a tunnel.
  /// - Parameter path: a path and its query.
  func answer(to path: String) -> String? {
    guard path.hasPrefix(Self.path) else { return nil }
    return open.withLock { $0[String(path.dropFirst(Self.path.count))] }
  }

  /// Tries the way, and gives the reason where it leads elsewhere, or nowhere.
  func failure(at url: AgentURL, with client: HTTPClient) async -> String? {
    var reason = "it does not answer"
    for number in 1...Self.tries {
      if number > 1, (try? await pause(.seconds(1))) == nil { return "it was not looked at to the end" }
      guard let failure = await tryOnce(url, client) else { return nil }
      reason = failure
    }
    return reason
  }

  private func tryOnce(_ url: AgentURL, _ client: HTTPClient) async -> String? {
    let (question, answer) = (Hex.string(RandomBytes.make(16)), Hex.string(RandomBytes.make(16)))
    open.withLock { $0[question] = answer }
    defer { open.withLock { $0[question] = nil } }
    var request = HTTPClientRequest(url: url.text + Self.path + question)
    request.headers = ["User-Agent": "OsaurusRelayHealthCheck/1"]
    do {
      // The head is all that counts. Nobody waits for a body, which a relay could make as long as it likes.
      let response = try await client.execute(request, timeout: Self.timeout)
      guard response.headers.first(name: Self.header) == answer else {
        return "something else answers there, with status \(response.status.code)"
      }
      return nil
    } catch {
      return "it does not answer"
    }
  }
}
