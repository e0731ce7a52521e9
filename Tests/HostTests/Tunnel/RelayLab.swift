import AsyncHTTPClient
import Connector
import Foundation
import Identity
import Logging
import NIOCore
import Relay
import SecretMemory
import ServiceLifecycle
import Stores
import Testing

@testable import Host

/// A real relay on loopback and a real host that reaches out to it.
struct RelayLab: Sendable {
  let host: WholeHost
  let doors: WholeHost.Doors
  let relay: RelayServer?
  /// Where the host's tunnel goes.
  let relayURL: String

  /// Runs a relay and a host while `body` does.
  static func run(
    limits: RelayLimits = RelayLab.limits, environment: [String: String] = [:],
    _ body: @escaping @Sendable (RelayLab) async throws -> Void
  ) async throws {
    try await withRelay(limits: limits) { relay, port in
      try await WholeHost.serve(environment: environment) { host, doors in
        try await body(RelayLab(host: host, doors: doors, relay: relay, relayURL: "ws://127.0.0.1:\(port)"))
      }
    }
  }

  /// What a relay for tests lets one network do: everything here comes from one.
  static var limits: RelayLimits {
    var limits = RelayLimits()
    limits.connectsPerMinute = 10_000
    limits.requestsPerMinute = 100_000
    return limits
  }

  /// Runs a relay while `body` does.
  static func withRelay(
    port: Int = 0, limits: RelayLimits = RelayLab.limits,
    _ body: @escaping @Sendable (RelayServer, Int) async throws -> Void
  ) async throws {
    var settings = RelaySettings(domain: RelayName("127.0.0.1")!)
    settings.port = port
    settings.limits = limits
    let relay = RelayServer(settings, logger: .quiet)
    let group = ServiceGroup(services: [relay], logger: .quiet)
    let running = Task { try await group.run() }
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(relay, try await relay.listening().port))
    } catch {
      result = .failure(error)
    }
    await group.triggerGracefulShutdown()
    try await running.value
    try result.get()
  }

  // MARK: The owner

  /// Has agents reached through the relay, and waits until their way is proven.
  @discardableResult
  func up(_ agents: [String]? = nil) async throws -> [String: String] {
    var order: [String: Any] = ["url": relayURL]
    order["agents"] = agents
    let body = String(decoding: try JSONSerialization.data(withJSONObject: order), as: UTF8.self)
    let answer = try await host.ask("POST", "/control/relay/up", body)
    try #require(answer.status == 200, "\(answer.json)")
    return try await settled { relay in relay.agents.allSatisfy { $0.state == "up" } && !relay.agents.isEmpty
    }
    .agents.reduce(into: [:]) { $0[$1.name] = $1.url }
  }

  /// The relay as the owner sees it, once it is so.
  @discardableResult
  func settled(_ isReached: (ControlRelay) -> Bool) async throws -> ControlRelay {
    let deadline = ContinuousClock.now + .seconds(60)
    var last: ControlRelay?
    while ContinuousClock.now < deadline {
      let now = try await ControlRelay.of(host.services.relay, host.services.tunnel)
      if isReached(now) { return now }
      last = now
      try await Task.sleep(for: .milliseconds(20))
    }
    throw NotReached(last: last)
  }

  struct NotReached: Error {
    let last: ControlRelay?
  }

  // MARK: Whoever asks from afar

  /// A connector's client for an agent at its URLs.
  @discardableResult
  func withPeer<R: Sendable>(
    _ agent: Address, key: String, url: String, relayURL: String? = nil,
    _ body: (PeerClient) async throws -> R
  ) async throws -> R {
    var text = Array(key.utf8)
    let peer = try Peer(name: "home", url: url, relayURL: relayURL, address: agent)
    let http = HTTPClient.forPeers()
    let client = PeerClient(peer: peer, key: try PeerKey(SecretBytes(taking: &text)), client: http)
    do {
      let result = try await body(client)
      try await http.shutdown()
      return result
    } catch {
      try? await http.shutdown()
      throw error
    }
  }

  static func chat(_ text: String) -> [UInt8] {
    Array(#"{"model":"scripted/one","messages":[{"role":"user","content":"\#(text)"}]}"#.utf8)
  }
}
