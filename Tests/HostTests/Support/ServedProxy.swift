import AsyncHTTPClient
import Connector
import Foundation
import Identity
import SecretMemory
import ServiceLifecycle
import Synchronization
import Testing

@testable import Host

/// A real host, and a real proxy to one of its agents, for programs that know nothing of either.
struct ServedProxy: Sendable {
  /// What a proxy tells the person who runs it.
  final class Notes: Sendable {
    private let notes = Mutex<[String]>([])
    var all: [String] { notes.withLock { $0 } }
    func add(_ note: String) { notes.withLock { $0.append(note) } }
  }

  let host: WholeHost
  /// A program's way to the proxy.
  let wire: WireClient
  let port: Int
  let notes: Notes

  /// Serves a host and a proxy to its agent Ada while `body` runs.
  /// - Parameters:
  ///   - isForAgent: whether the proxy's key is for the agent alone.
  ///   - peerPort: where the proxy looks for the host; nil for where it is.
  ///   - isPadded: whether what is sealed on the way is padded.
  ///   - prompt: what Ada is told to be.
  static func run(
    isForAgent: Bool = false, gate: ProxyGate = .sameUser, peerPort: Int? = nil, isPadded: Bool = false,
    prompt: String = "",
    _ body: @escaping @Sendable (ServedProxy) async throws -> Void
  ) async throws {
    try await WholeHost.serve { host, doors in
      let agent = try await host.agent("Ada", prompt: prompt)
      let address = try #require(agent.address)
      let key = try await host.key(for: isForAgent ? "Ada" : nil)
      var text = Array(key.text.utf8)
      let peer = try Peer(name: "home", url: "http://127.0.0.1:\(peerPort ?? doors.port)", address: address)
      let http = HTTPClient.forPeers()
      let client = PeerClient(
        peer: peer.padded(isPadded), key: try PeerKey(SecretBytes(taking: &text)), client: http)
      let (notes, ready) = (Notes(), Signal<Int>())
      let proxy = Proxy(to: client, port: 0, gate: gate, report: { notes.add($0) }) {
        ready.fulfil(.success($0))
      }
      let group = ServiceGroup(services: [proxy], logger: .quiet)
      let running = Task { try await group.run() }
      let result: Result<Void, any Error>
      do {
        let port = try await ready.value()
        result = .success(
          try await body(ServedProxy(host: host, wire: WireClient(port: port), port: port, notes: notes)))
      } catch {
        result = .failure(error)
      }
      await group.triggerGracefulShutdown()
      try await running.value
      try await http.shutdown()
      try result.get()
    }
  }
}
