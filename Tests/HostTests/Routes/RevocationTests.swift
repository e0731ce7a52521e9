import Foundation
import Identity
import Synchronization
import Testing

@testable import Host

@Suite("Revocation, over TCP", .serialized, .timeLimit(.minutes(10)))
struct RevocationTests {
  private static let revoked =
    #"{"error":{"message":"Access key has been revoked","type":"authentication_error"}}"#

  @Test("a revoked key is refused from the next request on, also on a connection that is open")
  func nextRequest() async throws {
    try await WholeHost.serve { host, doors in
      let (key, other) = (try await host.key(), try await host.key())
      let request = """
        GET /models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(key.text)\r\n\r\n
        """
      try await doors.tcp.connect { client in
        try await client.send(request)
        #expect(try await client.read(until: "]").hasPrefix("HTTP/1.1 200 "))
        client.clear()
        #expect(try await doors.control.ask("POST", "/control/keys/\(key.id)/revoke").status == 200)
        try await client.send(request)
        #expect(try await client.read(until: "}}").hasPrefix("HTTP/1.1 401 "))
        #expect(client.received.hasSuffix(Self.revoked))
      }
      #expect(try await doors.with(key: other.text).ask("GET", "/models").status == 200)
    }
  }

  @Test("a revoked key is refused inside a channel that is open")
  func insideTheChannel() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let key = try await host.key(for: "Ada")
      let client = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      #expect(try await client.ask("GET", "/agents/\(ada.id)", key: key.text).status == 200)
      _ = try await doors.control.ask("POST", "/control/keys/\(key.id)/revoke")
      let refused = try await client.ask("GET", "/agents/\(ada.id)", key: key.text)
      #expect(refused.status == 401)
      #expect(refused.text == Self.revoked)
    }
  }

  @Test("the keys of an agent that is deleted or rotated open nothing more, nor does its old address")
  func agentGone() async throws {
    try await WholeHost.serve { host, doors in
      for (method, path) in [("DELETE", ""), ("POST", "/rotate")] {
        let ada = try await host.agent("Ada")
        let key = try await host.key(for: "Ada").text
        let wire = doors.with(key: key)
        #expect(try await wire.ask("GET", "/agents/\(ada.id)").status == 200)
        #expect(try await doors.control.ask(method, "/control/agents/Ada\(path)").status == 200)
        #expect(try await wire.ask("GET", "/agents/\(ada.id)").status == 401)
        #expect(try await wire.ask("POST", "/agents/\(ada.id)/run", "{}").status == 401)
        let address = try #require(ada.address)
        await #expect(throws: WireAnswer.Malformed.self) {
          try await SealedClient.open(with: address, over: doors.tcp)
        }
      }
    }
  }

  @Test("an answer that is being given ends when its key is revoked, in a channel and without one")
  func underWay() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let key = try await host.key(for: "Ada")
      let client = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      let question = #"{"model":"","stream":true,"messages":[{"role":"user","content":"drone"}]}"#
      async let answer = client.stream("/agents/\(ada.id)/run", key: key.text, body: question)
      try await host.model.droneStarted.value()
      _ = try await doors.control.ask("POST", "/control/keys/\(key.id)/revoke")
      let revoked = ContinuousClock.now
      let (_, isFinished, outer) = try await answer
      #expect(!isFinished && outer.status == 200)
      try await host.model.droneStopped.value()
      #expect(.now - revoked < .promptly)
      #expect(host.services.access.validator.holderCount == 0)
    }
  }

  @Test(
    "an answer in one piece that is being made is refused as soon as its key is revoked, in a channel and without one",
    arguments: [true, false])
  func underWayWhole(isSealed: Bool) async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let key = try await host.key()
      let client = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      let question = #"{"model":"scripted/one","messages":[{"role":"user","content":"drone"}]}"#
      let asking = Task {
        guard isSealed else {
          let answer = try await doors.with(key: key.text).ask("POST", "/chat/completions", question)
          return (answer.status, answer.text)
        }
        let (status, text, _) = try await client.ask(
          "POST", "/chat/completions", key: key.text, body: question)
        return (status, text)
      }
      try await host.model.droneStarted.value()
      _ = try await doors.control.ask("POST", "/control/keys/\(key.id)/revoke")
      let revoked = ContinuousClock.now
      let (status, text) = try await asking.value
      #expect(.now - revoked < .promptly)
      #expect(status == 401 && text == Self.revoked)
      try await host.model.droneStopped.value()
      #expect(host.services.access.validator.holderCount == 0)
    }
  }

  private final class Cuts: Sendable {
    private let list = Mutex<[Int]>([])
    var all: [Int] { list.withLock { $0 } }
    func add(_ number: Int) { list.withLock { $0.append(number) } }
  }

  @Test("revoking one key cuts nobody else's answer")
  func othersUnderWay() async throws {
    let host = try TestHost()
    let current = CurrentValidator(
      AccessKeyValidator(rules: .init(master: host.master.address, agents: [host.agent.address])))
    func verified(_ text: String) throws -> VerifiedAccessKey {
      guard case .valid(let key) = current.value.validate(text, now: TestHost.now) else {
        throw TestRoutes.Broken()
      }
      return key
    }
    let (one, other) = (try verified(host.agentKey), try verified(host.agentKey))
    let cuts = Cuts()
    let first = current.hold(one) { cuts.add(1) }
    let second = current.hold(other) { cuts.add(2) }
    var rules = AccessKeyValidator.Rules(master: host.master.address, agents: [host.agent.address])
    rules.revokedKeys = [RevokedKey(issuer: one.issuer, nonce: one.nonce)]
    for cut in current.replace(with: AccessKeyValidator(rules: rules)) { cut() }
    #expect(cuts.all == [1])
    // Who comes too late for the revocation is cut at once.
    _ = current.hold(one) { cuts.add(3) }
    #expect(cuts.all == [1, 3])
    #expect(current.holderCount == 1)
    withExtendedLifetime((first, second)) {}
  }

  @Test("what another process of the owner revokes is refused within a moment")
  func otherProcess() async throws {
    try await WholeHost.serve { host, doors in
      let services = try await HostServices.open(
        folders: host.services.folders, settings: host.services.settings, logger: .quiet)
      let other = InProcessClient(services: services)
      struct Made: Decodable {
        let key: String
        let id: String
      }
      let answer = try await other.send("POST", "/control/keys", body: Array("{}".utf8))
      let made = try JSONDecoder().decode(Made.self, from: Data(answer.body))
      let wire = doors.with(key: made.key)
      while try await wire.ask("GET", "/models").status != 200 {}
      _ = try await other.send("POST", "/control/keys/\(made.id)/revoke")
      while try await wire.ask("GET", "/models").status != 401 {}
      await services.shutdown()
    }
  }
}
