import Foundation
import Identity
import SecureChannel
import Synchronization
import Testing

@testable import Connector

@Suite("Sessions with a peer", .timeLimit(.minutes(10)))
struct PeerClientSessionTests {
  @Test("callers that come together share one handshake")
  func shared() async throws {
    let gate = Gate()
    try await TestPeer.onHandshake { _ in
      await gate.pass()
      return .honest
    }.run { peer, http in
      let noted = Mutex(0)
      let client = try peer.client(http) { _ in noted.withLock { $0 += 1 } }
      async let first = client.send("GET", "/models", body: nil)
      async let second = client.send("GET", "/models", body: nil)
      async let third = client.handshake()
      while await client.waitingCount < 3 { await Task.yield() }
      gate.open()
      #expect(try await first.status == 200)
      #expect(try await second.status == 200)
      #expect(try await third.signer == peer.agent.address)
      #expect(peer.handshakes == 1)
      #expect(noted.withLock { $0 } == 1)
      #expect(peer.requests.count == 2)
    }
  }

  @Test("hundreds of calls at once all get through the replay window")
  func many() async throws {
    try await TestPeer.run { peer, http in
      let client = try peer.client(http)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<300 {
          group.addTask {
            let answer = try await client.send("GET", "/models", body: nil)
            #expect(answer.status == 200)
          }
        }
        try await group.waitForAll()
      }
      #expect(peer.handshakes == 1)
      #expect(peer.requests.count == 300)
    }
  }

  @Test("a session is used again, and its handshake is told once")
  func reused() async throws {
    try await TestPeer.run { peer, http in
      let client = try peer.client(http)
      let handshake = try await client.handshake()
      _ = try await client.send("GET", "/models", body: nil)
      #expect(try await client.handshake() == handshake)
      #expect(peer.handshakes == 1)
    }
  }

  @Test("a session that ends within a minute is renewed beforehand")
  func renewed() async throws {
    try await TestPeer.run(lifetime: 59) { peer, http in
      let client = try peer.client(http)
      for _ in 1...3 { _ = try await client.send("GET", "/models", body: nil) }
      #expect(peer.handshakes == 3)
    }
  }

  @Test("a peer that forgot the session gets a new handshake, and the call once more")
  func forgotten() async throws {
    try await TestPeer.run { peer, http in
      let client = try peer.client(http)
      _ = try await client.send("POST", "/first", body: [1])
      peer.forgetSessions()
      #expect(try await client.send("POST", "/second", body: [2]).body == [2])
      #expect(peer.handshakes == 2)
      #expect(peer.requests.map(\.path) == ["/first", "/second"])
    }
  }

  @Test("callers whose session was forgotten share the new handshake")
  func forgottenTogether() async throws {
    let gate = Gate()
    try await TestPeer.onHandshake { number in
      if number == 2 { await gate.pass() }
      return .honest
    }.run { peer, http in
      let client = try peer.client(http)
      _ = try await client.handshake()
      peer.forgetSessions()
      async let first = client.send("GET", "/models", body: nil)
      async let second = client.send("GET", "/models", body: nil)
      while await client.waitingCount < 2 { await Task.yield() }
      gate.open()
      _ = try await (first, second)
      #expect(peer.handshakes == 2)
    }
  }

  @Test("a peer that forgets at once is asked twice, not for ever")
  func forgetful() async throws {
    let text = Array(#"{"error":{"code":"secure_session_unknown","message":"Unknown session"}}"#.utf8)
    try await TestPeer.onCall { _ in .plain(status: 401, body: text) }.run { peer, http in
      let client = try peer.client(http)
      await #expect(
        throws: ConnectorError.rejected(
          status: 401, code: "secure_session_unknown", message: "Unknown session")
      ) { try await client.send("GET", "/models", body: nil) }
      #expect(peer.handshakes == 2)
      #expect(peer.requests.count == 2)
    }
  }

  @Test("any other 401 from outside of the channel is not repeated")
  func otherUnauthorised() async throws {
    let text = Array(#"{"error":{"code":"other","message":"secure_session_unknown"}}"#.utf8)
    try await TestPeer.onCall { _ in .plain(status: 401, body: text) }.run { peer, http in
      let client = try peer.client(http)
      await #expect(throws: ConnectorError.self) { try await client.send("GET", "/models", body: nil) }
      #expect(peer.requests.count == 1)
    }
  }

  @Test("another agent than the pinned one is refused, and nothing is asked of it")
  func wrongSigner() async throws {
    try await TestPeer.run { peer, http in
      let pinned = try MasterKey.generate().address
      let client = try peer.client(http, pinned: pinned)
      let error = await #expect(throws: ConnectorError.self) {
        try await client.send("POST", "/agents/x/run", body: Array("the question".utf8))
      }
      // The signature was over a hello with the pinned address, so who signed is known only to be another.
      guard case .wrongSigner(pinned, let actual) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(actual != pinned)
      #expect(peer.posts == ["/secure/session"])
    }
  }

  @Test(
    "a refused handshake says why",
    arguments: [
      (404, ConnectorError.Kind.noSuchAgent), (429, .tooManyHandshakes), (301, .redirected),
      (308, .redirected), (500, .rejected), (200, .badHandshake),
    ])
  func refused(status: Int, kind: ConnectorError.Kind) async throws {
    try await TestPeer.onHandshake { _ in
      .plain(status: status, headers: [("location", "http://127.0.0.1:1/secure/session")], body: [0x7b])
    }.run { peer, http in
      let client = try peer.client(http)
      let error = await #expect(throws: ConnectorError.self) { try await client.handshake() }
      #expect(error?.kind == kind)
      #expect(peer.posts == ["/secure/session"])
    }
  }

  @Test("an answer to the handshake of more than 64 KiB is refused")
  func oversized() async throws {
    try await TestPeer.onHandshake { _ in
      .plain(status: 200, body: [UInt8](repeating: 0x20, count: 64 * 1024 + 1))
    }.run { peer, http in
      let client = try peer.client(http)
      await #expect(throws: ConnectorError.badHandshake) { try await client.handshake() }
    }
  }

  @Test("sessions that would end too late or are over already are refused", arguments: [3 * 3600, -3600])
  func clock(lifetime: Int64) async throws {
    try await TestPeer.run(lifetime: lifetime) { peer, http in
      let client = try peer.client(http)
      await #expect(throws: ConnectorError.clockMismatch) { try await client.handshake() }
    }
  }

  @Test("a handshake that takes too long is given up")
  func slow() async throws {
    let gate = Gate()
    try await TestPeer.onHandshake { _ in
      await gate.pass()
      return .cut
    }.run { peer, http in
      var limits = PeerLimits()
      limits.handshake = .milliseconds(50)
      let client = try peer.client(http, limits: limits)
      await #expect(throws: ConnectorError.handshakeTimedOut(url: peer.url())) {
        try await client.handshake()
      }
      gate.open()
    }
  }

  @Test("a failed handshake fails all who wait for it, and the next one is new")
  func failsTogether() async throws {
    let gate = Gate()
    try await TestPeer.onHandshake { number in
      guard number == 1 else { return .honest }
      await gate.pass()
      return .plain(status: 429)
    }.run { peer, http in
      let client = try peer.client(http)
      let callers = (1...2).map { _ in Task { try await client.handshake() } }
      while await client.waitingCount < 2 { await Task.yield() }
      gate.open()
      for caller in callers {
        await #expect(throws: ConnectorError.tooManyHandshakes) { try await caller.value }
      }
      #expect(try await client.handshake().signer == peer.agent.address)
      #expect(peer.handshakes == 2)
    }
  }

  @Test("who stops waiting leaves at once, and the others get their session")
  func cancelled() async throws {
    let gate = Gate()
    try await TestPeer.onHandshake { _ in
      await gate.pass()
      return .honest
    }.run { peer, http in
      let client = try peer.client(http)
      let impatient = Task { try await client.handshake() }
      let patient = Task { try await client.handshake() }
      while await client.waitingCount < 2 { await Task.yield() }
      impatient.cancel()
      await #expect(throws: CancellationError.self) { try await impatient.value }
      gate.open()
      #expect(try await patient.value.signer == peer.agent.address)
      #expect(peer.handshakes == 1)
    }
  }

  @Test("where nobody listens, the peer cannot be reached")
  func unreachable() async throws {
    try await TestPeer.run { peer, http in
      let nobody = try Peer(name: "nobody", url: "http://127.0.0.1:1", address: peer.agent.address)
      let client = PeerClient(peer: nobody, key: try peer.key(), client: http)
      await #expect(throws: ConnectorError.unreachable(url: "http://127.0.0.1:1")) {
        try await client.handshake()
      }
    }
  }

  @Test("a prefix of the base URL stands before both routes")
  func prefix() async throws {
    try await TestPeer.run { peer, http in
      _ = try await peer.client(http, prefix: "/v1/").send("GET", "/models", body: nil)
      #expect(peer.posts == ["/v1/secure/session", "/v1/secure/call"])
    }
  }
}

extension ConnectorError {
  /// Which error it is, without what it carries.
  enum Kind: Sendable {
    case noSuchAgent, tooManyHandshakes, redirected, rejected, badHandshake, replayed, upgradeRequired, busy,
      other
  }

  var kind: Kind {
    switch self {
    case .noSuchAgent: .noSuchAgent
    case .tooManyHandshakes: .tooManyHandshakes
    case .redirected: .redirected
    case .rejected: .rejected
    case .badHandshake: .badHandshake
    case .replayed: .replayed
    case .upgradeRequired: .upgradeRequired
    case .busy: .busy
    default: .other
    }
  }
}
