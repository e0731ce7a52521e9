import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Testing

@testable import Relay

/// Who may open a tunnel, over real sockets.
@Suite("Opening a tunnel", .timeLimit(.minutes(2)))
struct AuthenticationTests {
  private static let ada = TestKey.make(1)
  private static let bob = TestKey.make(2)
  private var now: Int64 { Int64(Date().timeIntervalSince1970) }

  @Test("a host that proves its agents is told where the world reaches them")
  func lifecycle() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.connect(lab)
      #expect(host.features == [.base64, .bound, .cancel, .flow, .window])
      #expect(host.nonce?.isBound(to: "relay.test") == true)
      try await host.authenticate([Self.ada, Self.bob])
      let agents = [Self.ada, Self.bob].map { key in
        RegisteredAgent(address: key.address, url: "https://\(key.address.lowercased).relay.test")
      }
      #expect(try await host.frame() == .authenticated(agents))
      #expect(try await Caller.ask(lab, .GET, "/health").text == #"{"status":"ok","tunnels":1}"#)
      #expect(lab.board.directory.count == 2)
      await host.close()
      try await eventually { lab.board.directory.count == 0 && lab.board.tunnels.total == 0 }
      #expect(try await Caller.ask(lab, .GET, "/health").text == #"{"status":"ok","tunnels":0}"#)
    }
  }

  @Test("a tunnel that has ended leaves nothing behind")
  func memory() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      weak var tunnel: Tunnel?
      if case .tunnel(let found) = lab.board.directory.way(
        to: Self.ada.address, from: NetworkAddress("127.0.0.1")!)
      {
        tunnel = found
      }
      #expect(tunnel != nil)
      async let answer = Caller.ask(lab, host: RelayLab.name(of: Self.ada.address))
      _ = try await host.request()
      await host.close()
      _ = try await answer
      let end = ContinuousClock.now + .seconds(20)
      while tunnel != nil, ContinuousClock.now < end { await Task.yield() }
      #expect(tunnel == nil)
    }
  }

  @Test("a relay with one name and one certificate names agents by their path")
  func pathForm() async throws {
    try await RelayLab.run(RelayLab.settings { $0.form = .path }) { lab in
      var host = try await TestHost.connect(lab)
      try await host.authenticate([Self.ada])
      let url = "https://relay.test/a/\(Self.ada.address.lowercased)"
      #expect(try await host.frame() == .authenticated([.init(address: Self.ada.address, url: url)]))
    }
  }

  @Test("another nonce than the one that was given is refused")
  func wrongNonce() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.connect(lab)
      try await host.authenticate([Self.ada], nonce: .make(for: "relay.test"))
      #expect(try await host.closing() == "invalid_nonce 4000")
    }
  }

  @Test("a proof that was made for one tunnel is worth nothing in another")
  func replayedProof() async throws {
    try await RelayLab.run { lab in
      let first = try await TestHost.connect(lab)
      var second = try await TestHost.connect(lab)
      #expect(first.nonce != second.nonce)
      try await second.authenticate([Self.ada], nonce: first.nonce)
      #expect(try await second.closing() == "invalid_nonce 4000")
    }
  }

  @Test(
    "a proof of another time than now is refused", arguments: [-31, 31, -1_000_000, Int64.max, Int64.min])
  func staleTime(offset: Int64) async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.connect(lab)
      let time = abs(offset.clamped) > 1_000_000_000_000 ? offset : now + offset * 2
      try await host.authenticate([Self.ada], at: time)
      #expect(try await host.closing() == "signature_verification_failed 4001")
    }
  }

  @Test("one proof that is not the agent's own spoils all")
  func wrongSigner() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.connect(lab)
      let nonce = try #require(host.nonce)
      let good = AgentProof(by: Self.ada, nonce: nonce, timestamp: now)
      let bad = AgentProof(by: Self.bob, nonce: nonce, timestamp: now)
      let forged = AgentProof(
        address: TestKey.make(3).address, spelling: TestKey.make(3).address.checksummed,
        signature: bad.signature)
      try await host.say(
        .auth(TunnelAuthentication(agents: [good, forged], nonce: nonce, timestamp: now)))
      #expect(try await host.closing() == "signature_verification_failed 4001")
      #expect(lab.board.directory.count == 0)
    }
  }

  @Test("no agents and too many agents are refused")
  func counts() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.agentsPerTunnel = 2 }) { lab in
      var none = try await TestHost.connect(lab)
      try await none.authenticate([])
      #expect(try await none.closing() == "no_agents 4000")
      var many = try await TestHost.connect(lab)
      try await many.authenticate([Self.ada, Self.bob, TestKey.make(3)])
      #expect(try await many.closing() == "too_many_agents 4000")
    }
  }

  @Test(
    "whatever comes instead of a proof ends that tunnel with its code, and no other",
    arguments: [
      ("null", "invalid_json"), ("", "invalid_json"), ("{", "invalid_json"), ("[]", "invalid_json"),
      ("{}", "expected_auth_frame"), (#"{"type":"pong"}"#, "expected_auth_frame"),
      (#"{"type":"remove_agent"}"#, "expected_auth_frame"), (#"{"type":"auth"}"#, "expected_auth_frame"),
      (#"{"type":"auth","agents":[null],"nonce":"","timestamp":0}"#, "expected_auth_frame"),
      (#"{"type":"auth","agents":[],"nonce":"","timestamp":0}"#, "invalid_nonce"),
      (#"{"type":"dance"}"#, "expected_auth_frame"),
    ])
  func instead(text: String, code: String) async throws {
    try await RelayLab.run { lab in
      var bystander = try await TestHost.authenticated(lab, [Self.ada])
      var host = try await TestHost.connect(lab)
      try await host.say(text)
      #expect(try await host.closing() == "\(code) 4000")
      async let answer = Caller.ask(lab, host: RelayLab.name(of: Self.ada.address))
      let request = try await bystander.request()
      try await bystander.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await answer.status == 200)
    }
  }

  @Test("a binary message is no frame")
  func binary() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.connect(lab)
      try await host.say(ByteBuffer(bytes: [1, 2, 3]), opcode: .binary)
      #expect(try await host.closing() == "invalid_json 4000")
    }
  }

  @Test(
    "two proofs at once are looked at one after the other: the first counts, and the second spoils nothing")
  func racing() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.connect(lab)
      try await host.authenticate([Self.ada])
      try await host.authenticate([Self.ada])
      guard case .authenticated = try await host.frame() else {
        Issue.record("not authenticated")
        return
      }
      async let answer = Caller.ask(lab, host: RelayLab.name(of: Self.ada.address))
      let request = try await host.request()
      try await host.say(.answer(RelayAnswer(id: request.id, status: 204)))
      #expect(try await answer.status == 204)
    }
  }

  @Test(
    "who asks for a tunnel and goes on before the answer has none, and the relay goes on",
    arguments: [
      ("", "GET /health HTTP/1.1\r\nhost: relay.test\r\n\r\n"), ("content-length: 5\r\n", "hello"),
      ("transfer-encoding: chunked\r\n", "0\r\n\r\nGET /health HTTP/1.1\r\nhost: relay.test\r\n\r\n"),
      ("content-length: 0\r\n", "\u{1}\u{2}"),
    ])
  func impatient(field: String, more: String) async throws {
    try await RelayLab.run { lab in
      var raw = try await RawCaller.connect(lab)
      try await raw.send(
        "GET /tunnel/connect HTTP/1.1\r\nhost: relay.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
          + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(field)\r\n\(more)")
      #expect(await raw.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
      try? await raw.channel.close()
      #expect(try await Caller.ask(lab, .GET, "/health").status == 200)
      try await eventually { lab.board.tunnels.total == 0 }
    }
  }

  @Test("a host that says nothing has its time, and then the tunnel ends")
  func silence() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.authTimeout = .milliseconds(100) }) { lab in
      var host = try await TestHost.connect(lab)
      #expect(try await host.closing() == "auth_timeout 4001")
      try await eventually { lab.board.tunnels.total == 0 }
    }
  }

  @Test("what comes before the proof is bounded")
  func longSilence() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.connect(lab)
      try? await host.say(String(repeating: "x", count: 100_000))
      #expect(try await host.closing() == "1009")
    }
  }
}

extension Int64 {
  /// Itself, but for the one value that has no opposite.
  fileprivate var clamped: Int64 { self == .min ? .min + 1 : self }
}
