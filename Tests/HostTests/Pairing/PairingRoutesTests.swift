import Foundation
import HTTPTypes
import Hummingbird
import Identity
import NIOCore
import SecretMemory
import Testing

@testable import Host
@testable import Pairing

@Suite("Pairing over HTTP", .serialized, .timeLimit(.minutes(10)))
struct PairingRoutesTests {
  static let many = ["OSAURUS_PAIRINGS_PER_MINUTE": "100000"]

  private func text(_ message: String) -> String { #"{"error":"\#(message)"}"# }

  private func keys(_ host: WholeHost) async throws -> [[String: Any]] {
    try await host.ask("GET", "/control/keys").json["keys"] as? [[String: Any]] ?? []
  }

  private func peers(_ host: WholeHost) async throws -> [[String: Any]] {
    try await host.ask("GET", "/control/peers").json["peers"] as? [[String: Any]] ?? []
  }

  /// Answers the next request, once it is there.
  private func say(
    _ host: WholeHost, _ doors: WholeHost.Doors, _ word: String, _ body: String = "{}"
  ) async throws -> WireAnswer {
    let id = await host.visitor().id
    return try await doors.control.ask("POST", "/control/pair/requests/\(id)/\(word)", body)
  }

  // MARK: The whole way

  @Test(
    "a connector that the owner allows gets a sealed key that opens its agent and no other",
    arguments: [true, false])
  func whole(isPermanent: Bool) async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let connector = try PairingConnector()
      let request = try connector.request(
        for: ada.id.uuidString.lowercased(), nonce: try await doors.tcp.nonce())
      async let asked = doors.tcp.ask("POST", "/v1/pair", request)
      _ = await host.visitor()
      let listed = try await doors.control.ask("GET", "/control/pair/requests")
      let waiting = try #require((listed.json["requests"] as? [[String: Any]])?.first)
      #expect(waiting["connector"] as? String == connector.key.address.checksummed)
      #expect(waiting["words"] as? String == (try connector.words(of: request)))
      #expect(waiting["agent"] as? String == "Ada")
      #expect(waiting["from"] as? String == "127.0.0.1")
      let id = try #require(waiting["id"] as? String)
      let approved = try await doors.control.ask(
        "POST", "/control/pair/requests/\(id)/approve", #"{"permanent":\#(isPermanent)}"#)
      #expect(approved.status == 200, "\(approved.text)")
      #expect(approved.json["status"] as? String == "paired")

      let answer = try await asked
      #expect(answer.status == 200)
      #expect(!answer.text.contains("osk-v1"))
      #expect(answer.json["isPermanent"] as? Bool == isPermanent)
      #expect(
        Set(answer.json.keys) == [
          "agentAddress", "apiKey", "isPermanent", "sealedApiKey", "secureChannel", "serverSignature",
        ])
      let address = try #require(ada.address)
      // A client that asks for no more cannot be told more; this one looks at what it has.
      let opened = try PairingAnswer(parsing: answer.body)
      #expect(opened.agentAddress == address)
      let sealed = try #require(answer.json["sealedApiKey"] as? [String: String])
      let envelope = try JSONDecoder().decode(SealedAccessKey.self, from: JSONEncoder().encode(sealed))
      let nonce = try Array(request.utf8).withUnsafeBytes { try PairingRequest(parsing: $0) }.nonce
      let key = try envelope.open(with: connector.receiver, agent: address, nonce: nonce)
        .withUnsafeBytes { String(decoding: $0, as: UTF8.self) }

      let client = try await SealedClient.open(
        with: address, over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      #expect(try await client.ask("GET", "/agents/\(ada.id)", key: key).status == 200)
      #expect(try await client.ask("GET", "/agents/\(bob.id)", key: key).status == 403)

      let kept = try #require(try await keys(host).first)
      #expect(kept["label"] as? String == "Paired – \(connector.key.address.abbreviated)")
      #expect(kept["expires"] as? String == (isPermanent ? "never" : "90d"))
      let peer = try #require(try await peers(host).first)
      #expect(peer["connector"] as? String == connector.key.address.checksummed)
      #expect(peer["agent"] as? String == "Ada" && peer["status"] as? String == "active")
      #expect(peer["lastSeenAt"] != nil && peer["from"] as? String == "127.0.0.1")

      let again = try await doors.tcp.ask("POST", "/pair", request)
      #expect(again.status == 401)
      #expect(again.text == text("Pairing challenge expired or invalid"))
      let revoked = try await doors.control.ask(
        "POST", "/control/peers/\(connector.key.address.checksummed)/revoke")
      #expect(revoked.status == 200)
      #expect(try await client.ask("GET", "/agents/\(ada.id)", key: key).status == 401)
      #expect(try await peers(host).first?["status"] as? String == "revoked")
    }
  }

  @Test(
    "a connector that asks for it gets an answer that the agent signed as a whole; agents go by address, too")
  func boundAnswer() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let address = try #require(try await host.agent("Ada").address)
      let connector = try PairingConnector()
      let request = try connector.request(
        for: address.checksummed, nonce: try await doors.tcp.nonce(), binds: true)
      async let asked = doors.tcp.ask("POST", "/pair", request)
      #expect(try await say(host, doors, "approve").status == 200)
      let answer = try await asked
      #expect(answer.json["answerSignature"] != nil)
      #expect(try connector.open(answer.body, to: request, from: address).hasPrefix("osk-v1."))
    }
  }

  @Test("a challenge is 64 lowercase digits and nothing else")
  func challenge() async throws {
    try await WholeHost.serve(environment: Self.many) { _, doors in
      for path in ["/pair/challenge", "/v1/pair/challenge", "/api/pair/challenge"] {
        let answer = try await doors.tcp.ask("GET", path)
        #expect(answer.status == 200)
        #expect(answer.text.wholeMatch(of: /{"nonce":"[0-9a-f]{64}"}/) != nil)
      }
    }
  }

  // MARK: Refusals

  @Test("every refusal is what the protocol says, asks nobody and makes nothing")
  func refusals() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let ada = try await host.agent("Ada")
      let hidden = try await host.agent("Hidden")
      _ = try await host.ask("PATCH", "/control/agents/Hidden", #"{"pairing":false}"#)
      let local = try await host.agent("Local")
      _ = try await host.ask("POST", "/control/agents/Local/revoke")
      let (one, other) = (try PairingConnector(), try PairingConnector())
      let id = ada.id.uuidString
      func nonce() async throws -> String { try await doors.tcp.nonce() }
      func cases() async throws -> [(String, Int, String)] {
        var all = [
          ("", 400, "Invalid pairing request"), ("[]", 400, "Invalid pairing request"),
          ("{}", 400, "Invalid pairing request"),
          (
            try one.request(for: id, nonce: try await nonce(), ["agentId": nil]), 400,
            "Invalid pairing request"
          ),
          (try one.request(for: id, nonce: try await nonce(), ["nonce": 7]), 400, "Invalid pairing request"),
          (
            try one.request(for: id, nonce: try await nonce(), ["connectorAddress": "me"]), 401,
            "Signature verification failed"
          ),
          (
            try one.request(
              for: id, nonce: try await nonce(), ["connectorAddress": other.key.address.checksummed]), 401,
            "Signature verification failed"
          ),
          (
            try one.request(for: id, nonce: try await nonce(), ["signature": "0x00"]), 401,
            "Signature verification failed"
          ),
          (
            try one.request(for: id, nonce: try await nonce(), ["encPub": other.receiver.encPub]), 401,
            "Signature verification failed"
          ),
          (
            try one.request(for: id, nonce: try await nonce(), ["nonce": try await nonce()]), 401,
            "Signature verification failed"
          ),
          (
            try one.request(for: id, nonce: String(repeating: "ab", count: 32)), 401,
            "Pairing challenge expired or invalid"
          ),
          (try one.request(for: id, nonce: "x"), 401, "Pairing challenge expired or invalid"),
        ]
        for agent in [
          "Ada", "", UUID().uuidString, hidden.id.uuidString, local.id.uuidString,
          try #require(hidden.address).checksummed,
        ] {
          let body = try one.request(for: agent, nonce: try await nonce())
          all.append((body, 404, "Agent not found or not available for pairing"))
        }
        for encPub in [nil, "AAAA", "?", Base64URL.string([UInt8](repeating: 0, count: 32))] {
          let body = try one.request(for: id, nonce: try await nonce(), encPub: .some(encPub))
          all.append((body, 400, "Invalid encryption key"))
        }
        return all
      }
      for (body, status, message) in try await cases() {
        let answer = try await doors.tcp.ask("POST", "/pair", body)
        #expect(answer.status == status, "\(message)")
        #expect(answer.text == text(message))
        #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
      }
      #expect(host.services.pairing.list().waiting.isEmpty)
      #expect(try await keys(host).isEmpty)
      #expect(try await peers(host).isEmpty)
      let large = try await doors.tcp.ask("POST", "/pair", String(repeating: " ", count: 70_000))
      #expect(large.status == 413)
    }
  }

  @Test("an address in any case is the same address")
  func anyCase() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let ada = try await host.agent("Ada")
      let one = try PairingConnector()
      let request = try one.request(
        for: ada.id.uuidString, nonce: try await doors.tcp.nonce(),
        ["connectorAddress": one.key.address.lowercased])
      async let asked = doors.tcp.ask("POST", "/pair", request)
      #expect(try await say(host, doors, "deny").json["status"] as? String == "denied")
      let answer = try await asked
      #expect(answer.status == 403)
      #expect(answer.text == text("Pairing denied"))
      // And its network stays away for a while, for whatever it asks.
      for (method, path) in [("GET", "/pair/challenge"), ("POST", "/pair")] {
        let blocked = try await doors.tcp.ask(method, path, "{}")
        #expect(blocked.status == 429)
        #expect(blocked.text == text("Too many pairing attempts. Try again shortly."))
      }
      #expect(try await keys(host).isEmpty)
    }
  }

  @Test("a second connector is told to come again, and its nonce is still good then")
  func busy() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let address = try #require(try await host.agent("Ada").address)
      let (one, two) = (try PairingConnector(), try PairingConnector())
      let first = try one.request(for: address.lowercased, nonce: try await doors.tcp.nonce())
      let second = try two.request(for: address.lowercased, nonce: try await doors.tcp.nonce(), binds: true)
      async let firstAsked = doors.tcp.ask("POST", "/pair", first)
      _ = await host.visitor()
      let busy = try await doors.tcp.ask("POST", "/pair", second)
      #expect(busy.status == 429)
      #expect(busy.text == text("Another pairing request is in progress. Try again shortly."))
      #expect(try await say(host, doors, "approve").status == 200)
      #expect(try await firstAsked.status == 200)
      async let secondAsked = doors.tcp.ask("POST", "/pair", second)
      #expect(try await say(host, doors, "approve").status == 200)
      _ = try two.open(try await secondAsked.body, to: second, from: address)
      #expect(try await peers(host).count == 2)
    }
  }

  @Test("a connector that goes away while it waits gets no key, and a late word is told so")
  func departed() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let ada = try await host.agent("Ada")
      let one = try PairingConnector()
      let request = try one.request(for: ada.id.uuidString, nonce: try await doors.tcp.nonce())
      let id = try await doors.tcp.connect { client in
        try await client.send(doors.tcp.bytes("POST", "/pair", Array(request.utf8)))
        let id = await host.visitor().id
        try await client.cut()
        return id
      }
      while case (let revision, let waiting) = host.services.pairing.list(), !waiting.isEmpty {
        await host.services.pairing.change(after: revision)
      }
      let late = try await doors.control.ask("POST", "/control/pair/requests/\(id)/approve", "{}")
      #expect(late.status == 404)
      #expect(late.json["error"] as? String == "request_not_found")
      #expect(try await keys(host).isEmpty)
      #expect(try await peers(host).isEmpty)
    }
  }

  @Test("an agent that is deleted while the owner thinks is not there any more")
  func agentGone() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let ada = try await host.agent("Ada")
      let one = try PairingConnector()
      let request = try one.request(for: ada.id.uuidString, nonce: try await doors.tcp.nonce())
      async let asked = doors.tcp.ask("POST", "/pair", request)
      _ = await host.visitor()
      _ = try await host.ask("DELETE", "/control/agents/Ada")
      let told = try await say(host, doors, "approve")
      #expect(told.status == 409)
      #expect(told.json["error"] as? String == "pairing_failed")
      #expect(try await asked.status == 404)
      #expect(try await keys(host).isEmpty)
    }
  }

  @Test("a client that cannot open what is sealed gets its key only where the owner allows it")
  func olderClients() async throws {
    let environment = Self.many.merging(["OSAURUS_ALLOW_UNSEALED_KEYS": "true"]) { $1 }
    try await WholeHost.serve(environment: environment) { host, doors in
      let ada = try await host.agent("Ada")
      let one = try PairingConnector()
      let request = try one.request(
        for: ada.id.uuidString, nonce: try await doors.tcp.nonce(), encPub: .some(nil))
      async let asked = doors.tcp.ask("POST", "/pair", request)
      #expect(try await say(host, doors, "approve").status == 200)
      let answer = try await asked
      #expect((answer.json["apiKey"] as? String)?.hasPrefix("osk-v1.") == true)
      #expect(answer.json["sealedApiKey"] == nil)
    }
  }

  // MARK: The owner

  @Test("the owner alone sees who asks, and says the word")
  func strangers() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let key = try await host.key()
      for client in [doors.tcp, doors.with(key: key.text)] {
        for (method, path) in [
          ("GET", "/control/pair/requests"), ("GET", "/control/pair/changes?after=0"),
          ("GET", "/control/peers"),
          ("POST", "/control/pair/requests/00000000/approve"),
          ("POST", "/control/pair/requests/00000000/deny"), ("POST", "/control/peers/00000000/revoke"),
        ] {
          let status = try await client.ask(method, path, "{}").status
          #expect(status == 401 || status == 404)
        }
      }
      #expect(try await doors.control.ask("POST", "/control/peers/00000000/revoke").status == 404)
    }
  }

  @Test("a watcher is told at once when somebody asks")
  func watching() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let ada = try await host.agent("Ada")
      let before = try await doors.control.ask("GET", "/control/pair/requests")
      let revision = try #require(before.json["revision"] as? Int)
      async let change = doors.control.ask("GET", "/control/pair/changes?after=\(revision)")
      let one = try PairingConnector()
      let request = try one.request(for: ada.id.uuidString, nonce: try await doors.tcp.nonce())
      async let asked = doors.tcp.ask("POST", "/pair", request)
      let seen = try #require((try await change.json["requests"] as? [[String: Any]])?.first)
      let id = try #require(seen["id"] as? String)
      #expect(try await doors.control.ask("POST", "/control/pair/requests/\(id)/deny").status == 200)
      #expect(try await asked.status == 403)
    }
  }
}
