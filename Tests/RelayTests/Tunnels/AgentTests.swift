import Foundation
import Identity
import Testing

@testable import Relay

/// How agents come to a tunnel and leave it.
@Suite("Agents of a tunnel", .timeLimit(.minutes(2)))
struct AgentTests {
  private static let ada = TestKey.make(1)
  private static let bob = TestKey.make(2)
  private static let eve = TestKey.make(3)
  private var now: Int64 { Int64(Date().timeIntervalSince1970) }

  /// Asks for a challenge and takes it.
  private func challenge(_ host: inout TestHost) async throws -> TunnelNonce {
    try await host.say(.requestChallenge)
    guard case .challenge(let nonce, _) = try await host.frame() else {
      throw TestHost.Unexpected(event: "no challenge")
    }
    return nonce
  }

  private func add(_ key: SigningKey, over nonce: TunnelNonce, at time: Int64? = nil) -> HostFrame {
    let time = time ?? now
    return .addAgent(AgentProof(by: key, nonce: nonce, timestamp: time), nonce: nonce, timestamp: time)
  }

  @Test("an agent is added over a new challenge, and removed again")
  func addAndRemove() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let nonce = try await challenge(&host)
      try await host.say(add(Self.bob, over: nonce))
      let agent = RegisteredAgent(
        address: Self.bob.address, url: "https://\(Self.bob.address.lowercased).relay.test")
      #expect(try await host.frame() == .agentAdded(agent))
      #expect(lab.board.directory.count == 2)
      try await host.say(.removeAgent(Self.bob.address))
      #expect(try await host.frame() == .agentRemoved(Self.bob.address))
      #expect(lab.board.directory.count == 1)
      #expect(
        try await Caller.ask(lab, host: RelayLab.name(of: Self.bob.address)).text.contains("agent_offline"))
    }
  }

  @Test("a challenge is good for one agent, and for its time")
  func challenges() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let nonce = try await challenge(&host)
      try await host.say(add(Self.bob, over: nonce))
      _ = try await host.frame()
      try await host.say(add(Self.eve, over: nonce))
      #expect(try await host.frame() == .error(.invalidNonce))
      // The one of the beginning is used up as well, and one that was never given is none.
      try await host.say(add(Self.eve, over: try #require(host.nonce)))
      #expect(try await host.frame() == .error(.invalidNonce))
      try await host.say(add(Self.eve, over: .make(for: "relay.test")))
      #expect(try await host.frame() == .error(.invalidNonce))
    }
  }

  @Test("several challenges can be open at a time")
  func openChallenges() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let first = try await challenge(&host)
      let second = try await challenge(&host)
      try await host.say(add(Self.bob, over: first))
      try await host.say(add(Self.eve, over: second))
      guard case .agentAdded = try await host.frame(), case .agentAdded = try await host.frame() else {
        Issue.record("not added")
        return
      }
    }
  }

  @Test("a challenge that was asked for ends after its time")
  func expiry() throws {
    var session = TunnelSession(
      limits: RelayLimits(), makeURL: { _ in "" }, makeNonce: { TunnelNonce.make(for: "relay.test") })
    guard case .send(.challenge(let first, _)) = session.greeting.first else {
      Issue.record("no greeting")
      return
    }
    let proof = AgentProof(by: Self.ada, nonce: first, timestamp: 1000)
    let steps = session.receive(
      .auth(TunnelAuthentication(agents: [proof], nonce: first, timestamp: 1000)), now: 1000)
    #expect(steps == [.claim([Self.ada.address])])
    _ = session.claimed([.init(address: Self.ada.address, verdict: .taken)])
    guard case .send(.challenge(let nonce, _)) = session.receive(.requestChallenge, now: 1000).first else {
      Issue.record("no challenge")
      return
    }
    #expect(
      session.receive(add(Self.bob, over: nonce, at: 1031), now: 1031) == [.send(.error(.invalidNonce))])
    guard case .send(.challenge(let next, _)) = session.receive(.requestChallenge, now: 1031).first else {
      Issue.record("no challenge")
      return
    }
    #expect(session.receive(add(Self.bob, over: next, at: 1061), now: 1061) == [.claim([Self.bob.address])])
  }

  @Test("a proof that is not the agent's, too many agents, and one that is there already are refused by name")
  func refusals() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.agentsPerTunnel = 2 }) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var nonce = try await challenge(&host)
      try await host.say(add(Self.bob, over: nonce, at: now - 100))
      #expect(try await host.frame() == .error(.invalidSignature))
      nonce = try await challenge(&host)
      try await host.say(add(Self.ada, over: nonce))
      #expect(try await host.frame() == .error(.addressAlreadyRegistered))
      nonce = try await challenge(&host)
      try await host.say(add(Self.bob, over: nonce))
      _ = try await host.frame()
      nonce = try await challenge(&host)
      try await host.say(add(Self.eve, over: nonce))
      #expect(try await host.frame() == .error(.maxAgentsReached))
    }
  }

  @Test("a tunnel cannot remove what another holds")
  func foreignRemoval() async throws {
    try await RelayLab.run { lab in
      let host = try await TestHost.authenticated(lab, [Self.ada])
      var other = try await TestHost.authenticated(lab, [Self.bob])
      try await other.say(.removeAgent(Self.ada.address))
      #expect(try await other.frame() == .agentRemoved(Self.ada.address))
      #expect(lab.board.directory.count == 2)
      await host.close()
    }
  }

  @Test("an agent that another live tunnel holds is rejected, with the reason")
  func heldElsewhere() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var other = try await TestHost.connect(lab)
      try await other.authenticate([Self.ada, Self.bob])
      try await showLife(&host)
      guard case .authenticated(let agents, let rejected) = try await other.frame() else {
        Issue.record("not authenticated")
        return
      }
      #expect(agents.map(\.address) == [Self.bob.address])
      #expect(rejected == [RejectedAgent(address: Self.ada.address, reason: .alreadyRegistered)])
      let nonce = try await challenge(&other)
      try await other.say(add(Self.ada, over: nonce))
      try await showLife(&host)
      #expect(try await other.frame() == .error(.addressAlreadyRegistered))
    }
  }

  /// Answers the question whether the host is there.
  private func showLife(_ host: inout TestHost) async throws {
    guard case .frame(.ping(let time)) = try await host.next(answeringPings: false) else {
      throw TestHost.Unexpected(event: "no ping")
    }
    try await host.say(.pong(time))
  }

  @Test("an agent whose tunnel is dead goes to the newer proof, and the dead one's end changes nothing")
  func takeover() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.takeoverWait = .milliseconds(200) }) { lab in
      // It never answers: nobody takes from its socket what it is asked.
      var dead = try await TestHost.authenticated(lab, [Self.ada])
      var host = try await TestHost.connect(lab)
      try await host.authenticate([Self.ada])
      // What it says while the other is being asked waits, in its order.
      try await host.say(.requestChallenge)
      guard case .authenticated(let agents, let rejected) = try await host.frame(),
        case .challenge = try await host.frame()
      else {
        Issue.record("not authenticated, or out of order")
        return
      }
      #expect(agents.map(\.address) == [Self.ada.address] && rejected.isEmpty)
      guard case .frame(.ping) = try await dead.next(answeringPings: false),
        case .closing(let code, _) = try await dead.next(answeringPings: false)
      else {
        Issue.record("the dead tunnel was not ended")
        return
      }
      #expect(code == 1000)
      await dead.close()
      try await eventually { lab.board.tunnels.total == 1 }
      async let answer = Caller.ask(lab, host: RelayLab.name(of: Self.ada.address))
      let request = try await host.request()
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await answer.status == 200)
      #expect(lab.board.statistics.snapshot().events[.takeover] == 1)
    }
  }

  @Test("a host that does not answer three questions in a row is gone")
  func keepalive() async throws {
    let settings = RelayLab.settings { $0.limits.pingInterval = .milliseconds(50) }
    try await RelayLab.run(settings) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var pings = 0
      while true {
        switch try await host.next(answeringPings: false) {
        case .frame(.ping): pings += 1
        case .closing(let code, let reason):
          #expect(pings == 3 && code == 1000 && reason == "keepalive timeout")
          #expect(lab.board.directory.count == 0)
          return
        case let event:
          Issue.record("\(event)")
          return
        }
      }
    }
  }

  @Test("frames about agents are counted, and who sends too many is sent away")
  func flood() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.controlFramesPerMinute = 10 }) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      for _ in 0..<20 { try? await host.say(.requestChallenge) }
      var challenges = 0
      while case .frame(let frame) = try await host.next() {
        if case .challenge = frame { challenges += 1 } else { #expect(frame == .error(.rateLimited)) }
      }
      #expect(challenges == 9)
    }
  }

  @Test("a relay has room for so many agents in all")
  func fullRelay() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.agents = 1 }) { lab in
      var host = try await TestHost.connect(lab)
      try await host.authenticate([Self.ada, Self.bob])
      guard case .authenticated(let agents, let rejected) = try await host.frame() else {
        Issue.record("not authenticated")
        return
      }
      #expect(agents.map(\.address) == [Self.ada.address])
      #expect(rejected == [RejectedAgent(address: Self.bob.address, reason: .relayFull)])
    }
  }
}
