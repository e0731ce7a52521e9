import Foundation
import HTTPTypes
import Hummingbird
import Identity
import NIOCore
import Stores
import Testing

@testable import Host
@testable import Pairing

@Suite("How much pairing there may be", .serialized, .timeLimit(.minutes(10)))
struct PairingLimitsTests {
  private func text(_ message: String) -> String { #"{"error":"\#(message)"}"# }

  @Test("five a minute of each kind from one network, refused ones as well; handshakes are counted apart")
  func limits() async throws {
    try await WholeHost.run(environment: ["OSAURUS_HANDSHAKES_PER_MINUTE": "1"]) { host in
      let ada = try await host.agent("Ada")
      let door = FrontDoor(services: host.services)
      func ask(_ method: HTTPRequest.Method, _ path: String, _ body: String = "") async throws
        -> TestHost.Answer
      {
        try await host.fromElsewhere(method, path, key: nil, body, through: door)
      }
      let hello = #"{"agentAddress":"\#(try #require(ada.address))","encPub":"","nonce":"","v":1}"#
      for _ in 0..<3 { _ = try await ask(.post, "/secure/session", hello) }
      for _ in 0..<5 { #expect(try await ask(.post, "/pair", "{}").status == 400) }
      for _ in 0..<5 { #expect(try await ask(.get, "/pair/challenge").status == 200) }
      for _ in 0..<10 {
        for answer in [try await ask(.post, "/pair", "{}"), try await ask(.get, "/pair/challenge")] {
          #expect(answer.status == 429)
          #expect(answer.body == text("Too many pairing attempts. Try again shortly."))
        }
      }
    }
  }

  @Test(
    "ten thousand requests from a thousand networks are answered, and what is remembered of them is bounded")
  func flood() async throws {
    try await WholeHost.run { host in
      let ada = try await host.agent("Ada")
      let desk = PairingDesk()
      let challenges = AttemptLimiter(limit: 5, capacity: 512)
      let requests = AttemptLimiter(limit: 5, capacity: 512)
      var routes = Routes()
      routes.add(
        PairingRoutes(
          access: host.services.access, peers: host.services.peers, desk: desk, challengeLimiter: challenges,
          requestLimiter: requests, allowsUnsealedKeys: false))
      let door = FrontDoor(services: host.services)
      let flooded = FrontDoor(
        routes: routes, policy: AccessPolicy(), authentication: door.authentication, visitors: door.visitors,
        limits: door.limits, secureDoor: door.secureDoor, logger: .quiet, agentAddress: { _ in nil })
      let one = try PairingConnector()
      let body = try one.request(for: ada.id.uuidString, nonce: String(repeating: "ab", count: 32))
      var statuses: [Int: Int] = [:]
      for number in 0..<10_000 {
        let network = number % 1000
        let source = try #require(
          SourceAddress(
            bytes: [0x20, 1, 0xd, 0xb8, 0, 0, UInt8(network >> 8), UInt8(network & 255)]
              + [UInt8](repeating: UInt8(number / 1000), count: 8)))
        let (method, path): (HTTPRequest.Method, String) =
          number.isMultiple(of: 2) ? (.get, "/pair/challenge") : (.post, "/pair")
        let head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
        let response = try await flooded.respond(
          to: head, body: ByteBuffer(string: method == .get ? "" : body),
          from: Arrival(origin: .network(source)))
        statuses[response.status.code, default: 0] += 1
      }
      #expect(challenges.count <= 512 && requests.count <= 512)
      #expect(desk.challenges.count <= ChallengeStore.capacity)
      #expect(desk.list().waiting.isEmpty)
      #expect(Set(statuses.keys).isSubset(of: [200, 401, 429]))
    }
  }

  @Test(
    "who is not answered for two minutes is denied, stays away for half a minute, and gets no key for a late word"
  )
  func late() async throws {
    try await WholeHost.run(environment: PairingRoutesTests.many) { host in
      let ada = try await host.agent("Ada")
      let hands = PairingDeskTests.Hands()
      let desk = PairingDesk(time: hands.time)
      let door = FrontDoor(services: host.services, desk: desk)
      func ask(_ method: HTTPRequest.Method, _ path: String, _ body: String = "") async throws
        -> TestHost.Answer
      {
        try await host.fromElsewhere(method, path, key: nil, body, through: door)
      }
      let connector = try PairingConnector()
      let body = try connector.request(for: ada.id.uuidString, nonce: desk.challenge().text)
      async let asked = ask(.post, "/pair", body)
      let id = await host.visitor(at: desk).id
      try await hands.ring()
      let answer = try await asked
      #expect(answer.status == 403 && answer.body == text("Pairing denied"))
      await #expect(throws: PairingDesk.Deafness.gone) {
        _ = try await desk.decide(.allowed(isPermanent: true), on: id)
      }
      #expect(try await host.services.peers.list().isEmpty)
      #expect(try await ask(.get, "/pair/challenge").status == 429)
      hands.advance(by: 30)
      #expect(try await ask(.get, "/pair/challenge").status == 200)
      #expect(try await ask(.post, "/pair", body).status == 401)
    }
  }
}
