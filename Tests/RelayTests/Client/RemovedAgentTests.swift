import Foundation
import Identity
import NIOCore
import Testing

@testable import Relay

/// What a host has under way for agents that are no longer to be reached.
@Suite("Work for agents that are taken back", .timeLimit(.minutes(5)))
struct RemovedAgentTests {
  private static let keys = [TestKey.make(1), TestKey.make(2)]

  /// Answers nothing, and says for which agent it began and stopped.
  private final class Waiter: TunnelResponder {
    let started = AsyncStream.makeStream(of: Address.self)
    let stopped = AsyncStream.makeStream(of: Address.self)

    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {
      started.continuation.yield(agent)
      try? await Task.sleep(for: .seconds(3600))
      stopped.continuation.yield(agent)
    }
  }

  private static func client(
    _ relay: ScriptedRelay, _ waiter: Waiter,
    check: @escaping @Sendable (Address, AgentURL) async -> String? = { _, _ in nil }
  ) throws -> TunnelClient {
    TunnelClient(
      .init(relay: try RelayURL("ws://127.0.0.1:\(relay.port)")), clock: ContinuousClock(),
      unixTime: { 1_800_000_000 }, handler: waiter,
      key: { agent in keys.first { $0.address == agent } }, check: check)
  }

  private static func welcome(_ tunnel: inout ScriptedRelay.Tunnel) async throws {
    try await tunnel.say(.challenge(.make(for: "127.0.0.1"), [.base64, .cancel]))
    guard case .auth(let auth)? = try await tunnel.frame() else { return }
    try await tunnel.say(
      .authenticated(
        auth.agents.map { RegisteredAgent(address: $0.address, url: "http://\($0.address.lowercased).x") }))
  }

  @Test("when an agent is taken back, what runs for it stops, and what runs for others does not")
  func removed() async throws {
    let waiter = Waiter()
    try await ScriptedRelay.run { tunnel, _ in
      try await Self.welcome(&tunnel)
      for key in Self.keys {
        try await tunnel.say(
          .request(
            RelayRequest(
              id: RequestID(key.address.lowercased)!, method: "GET", path: RelayPath("/"),
              headers: ["x-agent-address": key.address.lowercased])))
      }
      while try await tunnel.text() != nil {}
    } during: { relay in
      let client = try Self.client(relay, waiter)
      let running = Task { await client.run() }
      await client.expose(Self.keys.map(\.address))
      var started = waiter.started.stream.makeAsyncIterator()
      for _ in 0..<2 { _ = await started.next() }
      var stopped = waiter.stopped.stream.makeAsyncIterator()
      await client.expose([Self.keys[1].address])
      #expect(await stopped.next() == Self.keys[0].address)
      try await eventually { await client.runningCount == 1 }
      running.cancel()
      await running.value
      #expect(await stopped.next() == Self.keys[1].address)
    }
  }

  @Test("whether a URL leads here is looked at no longer than its tunnel is open and its agent is wanted")
  func checks() async throws {
    let (began, begin) = AsyncStream.makeStream(of: Address.self)
    let (ended, end) = AsyncStream.makeStream(of: Address.self)
    try await ScriptedRelay.run { tunnel, number in
      guard number == 1 else { return }
      try await Self.welcome(&tunnel)
      while let text = try await tunnel.text() {
        // One agent is taken back; then the tunnel breaks.
        if text.contains("remove_agent") { return }
      }
    } during: { relay in
      let client = try Self.client(relay, Waiter()) { agent, _ in
        begin.yield(agent)
        try? await Task.sleep(for: .seconds(3600))
        end.yield(agent)
        return "nobody waited"
      }
      let running = Task { await client.run() }
      await client.expose(Self.keys.map(\.address))
      var starts = began.makeAsyncIterator()
      for _ in 0..<2 { _ = await starts.next() }
      await client.expose([Self.keys[1].address])
      var ends = ended.makeAsyncIterator()
      var seen: Set<Address> = []
      for _ in 0..<2 { if let agent = await ends.next() { seen.insert(agent) } }
      #expect(seen == Set(Self.keys.map(\.address)))
      running.cancel()
      await running.value
    }
  }
}
