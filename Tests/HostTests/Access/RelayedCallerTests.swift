import Foundation
import HTTPTypes
import Hummingbird
import Identity
import NIOCore
import SecureChannel
import Synchronization
import Testing

@testable import Host

/// What there is for those who come through a relay.
@Suite("Callers through a relay")
struct RelayedCallerTests {
  private static func arrival(_ agent: Address, from source: String? = "198.51.100.7") -> Arrival {
    Arrival(origin: .relay(SourceAddress(reported: source), agent: agent))
  }

  /// Opens a session with an agent, as whoever comes from there.
  private func session(
    with agent: Address, on host: TestHost, from arrival: Arrival
  ) async throws -> ClientSession? {
    let handshake = ClientHandshake(with: agent)
    let answer = try await host.ask(
      .post, "/secure/session", body: String(decoding: handshake.hello.encoded(), as: UTF8.self),
      from: arrival)
    guard answer.status == 200 else { return nil }
    let hello = try Array(answer.body.utf8).withUnsafeBytes { try ServerHello(parsing: $0) }
    return try handshake.finish(hello, now: TestHost.now)
  }

  /// Asks inside of a channel; gives the inner status and text, or the outer status where nothing was opened.
  private func ask(
    _ session: ClientSession, _ method: String, _ path: String, key: String, on host: TestHost,
    from arrival: Arrival
  ) async throws -> (status: Int, text: String) {
    let (call, opener) = session.seal(
      InnerRequest(method: method, path: path, authorization: "Bearer \(key)", body: nil))
    let answer = try await host.ask(
      .post, "/secure/call", body: String(decoding: call, as: UTF8.self), from: arrival)
    guard answer.status == 200 else { return (answer.status, answer.body) }
    var reader = opener
    let inner = try Array(answer.body.utf8).withUnsafeBytes { try reader.openBuffered($0) }
    return (inner.status, String(decoding: inner.body ?? [], as: UTF8.self))
  }

  // MARK: What exists

  @Test("outside of a channel there is what pairs, what opens a channel, what carries it, and /health")
  func closedByDefault() throws {
    let host = try TestHost()
    let away = Caller.Origin.relay(SourceAddress(reported: nil), agent: host.agent.address)
    let keys: [Caller.Principal] = [
      .anonymous(.noKeys),
      host.door.authentication.principal(origin: away, authorization: "Bearer \(host.masterKey)"),
    ]
    let open = ["publicInformation", "handshake", "pairing", "redemption", "envelope"]
    for (name, route, letters) in AccessPolicyTests.matrix {
      for principal in keys {
        for policy in [AccessPolicy(), AccessPolicy(allowsPlaintextClients: true)] {
          let caller = Caller(origin: away, transport: .plain, principal: principal)
          let decision = policy.decide(route(host), caller)
          #expect(decision == (open.contains(name) ? .allow : .notFound), "\(name)")
        }
      }
      // Inside of one it is as for any other machine.
      let sealed = Caller(
        origin: away, transport: .secureChannel(agent: host.agent.address), principal: keys[1])
      let elsewhere = Caller(
        origin: .network(TestHost.elsewhere), transport: .secureChannel(agent: host.agent.address),
        principal: keys[1])
      #expect(
        AccessPolicy().decide(route(host), sealed) == AccessPolicy().decide(route(host), elsewhere),
        "\(name) \(letters)")
    }
  }

  @Test("what does not exist there is not found, with a key and without, under every method and spelling")
  func notFound() async throws {
    let host = try TestHost()
    for path in [
      "/", "/models", "/v1/models", "/agents", "/agents/first", "/control/status", "/nothing", "//",
      "/broken",
    ] {
      for method in [HTTPRequest.Method.get, .head, .post, .put] {
        for key in [nil, host.masterKey] {
          let answer = try await host.ask(method, path, key: key, from: Self.arrival(host.agent.address))
          #expect(answer.status == 404, "\(method) \(path)")
        }
      }
    }
    for path in ["/health", "/v1/health", "/health?x=1"] {
      #expect(try await host.ask(.get, path, from: Self.arrival(host.agent.address)).status == 200)
    }
    let run = "/agents/\(host.agent.address.checksummed)/run"
    let answer = try await host.ask(.post, run, key: host.agentKey, from: Self.arrival(host.agent.address))
    #expect(answer.status == 404)
  }

  @Test("a key that the relay could read proves nothing, and what the relay says of itself reaches no route")
  func keysAndMarkers() async throws {
    let host = try TestHost()
    _ = try await host.ask(
      .get, "/health", key: host.masterKey, headers: [.relayOrigin: "1"],
      from: Self.arrival(host.agent.address))
    let request = try #require(host.probes.requests.withLock { $0.last })
    #expect(request.headers[.authorization] == nil)
    #expect(request.headers[.relayOrigin] == nil)
    let context = try #require(host.probes.contexts.withLock { $0.last })
    guard case .anonymous = context.caller.principal else {
      Issue.record("a key that was read by others let somebody in")
      return
    }
  }

  @Test("a web page may ask through a relay only where its origin is allowed")
  func origins() async throws {
    for (allowed, status) in [([], 403), (["https://app.example"], 200), (["https://other.example"], 403)] {
      let host = try TestHost(allowedOrigins: allowed)
      let answer = try await host.ask(
        .get, "/health", headers: [.origin: "https://app.example"], from: Self.arrival(host.agent.address))
      #expect(answer.status == status, "\(allowed)")
    }
  }

  // MARK: Agents

  @Test("an agent's name at the relay leads to that agent alone")
  func oneAgent() async throws {
    let host = try TestHost()
    let arrival = Self.arrival(host.agent.address)
    let session = try #require(try await session(with: host.agent.address, on: host, from: arrival))
    let run = "/agents/first/run"
    #expect(try await ask(session, "POST", run, key: host.agentKey, on: host, from: arrival).status == 200)

    // A session that was opened elsewhere, to another agent, is not known by this name, and no other name knows this one.
    let other = try #require(
      try await self.session(with: host.otherAgent.address, on: host, from: TestHost.network))
    #expect(
      try await ask(other, "GET", "/models", key: host.masterKey, on: host, from: arrival).status == 401)
    let byOther = Self.arrival(host.otherAgent.address)
    #expect(
      try await ask(session, "GET", "/models", key: host.masterKey, on: host, from: byOther).status == 401)
  }

  @Test("a call that comes twice through the relay runs once")
  func replay() async throws {
    let host = try TestHost()
    let arrival = Self.arrival(host.agent.address)
    let session = try #require(try await session(with: host.agent.address, on: host, from: arrival))
    let (call, _) = session.seal(
      InnerRequest(method: "GET", path: "/models", authorization: "Bearer \(host.masterKey)", body: nil))
    let text = String(decoding: call, as: UTF8.self)
    #expect(try await host.ask(.post, "/secure/call", body: text, from: arrival).status == 200)
    #expect(try await host.ask(.post, "/secure/call", body: text, from: arrival).status == 409)
    #expect(host.probes.requests.withLock { $0.count } == 1)
  }

  // MARK: Addresses

  @Test("what a relay reports is an address to count by, and lets nobody do more")
  func addresses() throws {
    let reported = SourceAddress(reported: "127.0.0.1")
    #expect(!reported.isLoopback)
    #expect(reported != SourceAddress(literal: "127.0.0.1"))
    #expect(reported.network != SourceAddress(literal: "127.0.0.1")?.network)
    #expect(reported.description == "127.0.0.1 (relay)")
    #expect(SourceAddress(reported: "2001:db8::1").network == SourceAddress(reported: "2001:db8::2").network)
    #expect(SourceAddress(reported: "2001:db8::1").network != SourceAddress(literal: "2001:db8::1")?.network)
    for text in [nil, "", "unknown", "evil\n", "192.0.2.1:80", "192.0.2.1, 192.0.2.2"] {
      #expect(SourceAddress(reported: text) == SourceAddress(reported: "no address"))
    }
    #expect(SourceAddress(reported: nil).description == "somewhere (relay)")
    let origin = Caller.Origin.relay(reported, agent: try MasterKey.generate().address)
    #expect(origin.isRemote && origin.isRelayed && !origin.isOwner)
  }

  @Test("handshakes through a relay are counted by the address that it reports, and all of them together")
  func handshakes() async throws {
    var limits = HostLimits()
    limits.handshakesPerMinute = 2
    let host = try TestHost(limits: limits)
    func opens(_ arrival: Arrival) async throws -> Bool {
      try await session(with: host.agent.address, on: host, from: arrival) != nil
    }
    var opened = 0
    for number in 0..<200 {
      if try await opens(Self.arrival(host.agent.address, from: "198.51.100.\(number)")) { opened += 1 }
    }
    #expect(opened == 2 * AttemptLimiter.relayedFactor)
    // Those who come by themselves lose nothing by it, even from an address that the relay named.
    let named = try #require(SourceAddress(literal: "198.51.100.1"))
    let local = SourceAddress(literal: "192.0.2.1")
    #expect(try await opens(Arrival(origin: .network(named), localAddress: local)))
    host.clock.advance(by: 61)
    let same = Self.arrival(host.agent.address)
    var answers: [Bool] = []
    for _ in 0..<4 { answers.append(try await opens(same)) }
    #expect(answers == [true, true, false, false])
    // One that keeps on trying takes nothing from the others.
    for _ in 0..<100 { _ = try await opens(same) }
    #expect(try await opens(Self.arrival(host.agent.address, from: "198.51.100.8")))
  }

  @Test("sessions through a relay take half of the house at most, and push out none of the others")
  func sessions() throws {
    let store = SessionStore(limit: 8, limitPerSource: 4)
    let agent = try MasterKey.generate().signingKey
    func insert(_ source: SourceAddress) throws -> SessionID {
      let session = try ServerHandshake.accept(
        ClientHandshake(with: agent.address).hello, agentKey: agent, now: TestHost.now, lifetime: 3600
      ).1
      store.insert(session, from: source, now: TestHost.now)
      return session.sid
    }
    let direct = try (1...4).map { try insert(SourceAddress(bytes: [192, 0, 2, UInt8($0)])!) }
    for number in 0..<100 { _ = try insert(SourceAddress(reported: "198.51.100.\(number)")) }
    #expect(store.count == 8)
    #expect(direct.allSatisfy { store.find($0, now: TestHost.now) != nil })
  }

  @Test("bodies through a relay take half of the room at most, whatever addresses it reports")
  func heldBytes() throws {
    let held = HeldBytes(limit: 100)
    var first = HeldShare(of: held, for: SourceAddress(reported: "198.51.100.1"))
    var second = HeldShare(of: held, for: SourceAddress(reported: "198.51.100.2"))
    var direct = HeldShare(of: held, for: TestHost.elsewhere)
    let taken = [first.add(30), second.add(30), second.add(20), direct.add(50)]
    #expect(taken == [true, false, true, true])
  }
}
