import Foundation
import GRDB
import HTTPTypes
import Identity
import SecretMemory
import Stores
import Synchronization
import Testing

@testable import Host
@testable import Pairing

@Suite("Invites over HTTP", .serialized, .timeLimit(.minutes(10)))
struct InviteRoutesTests {
  private static let many = ["OSAURUS_REDEMPTIONS_PER_MINUTE": "100000"]

  /// What the owner is told of a new invite.
  private struct Made: Decodable {
    let id: UUID
    let link: String
    let url: String
    let note: String?
  }

  private func invite(_ host: WholeHost, _ order: String = "") async throws -> Made {
    let body = #"{"agent":"Ada","url":"http://192.0.2.1:1337"\#(order.isEmpty ? "" : ",")\#(order)}"#
    let answer = try await host.owner.send("POST", "/control/invites", body: Array(body.utf8))
    try #require(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
    return try JSONDecoder().decode(Made.self, from: Data(answer.body))
  }

  private func verified(_ made: Made) throws -> VerifiedInvite {
    try Invite(link: made.link).verified(now: 0)
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// The members of a request, some of them replaced; nil takes one out.
  private func request(_ made: Made, _ changes: [String: Any?] = [:]) throws -> String {
    let honest = RedemptionRequest(try verified(made), for: ReceivingKey()).encoded()
    var members = try JSONSerialization.jsonObject(with: Data(honest)) as? [String: Any] ?? [:]
    for (key, value) in changes { members[key] = value }
    return text([UInt8](try JSONSerialization.data(withJSONObject: members)))
  }

  private func post(_ host: WholeHost, _ body: String) async throws -> TestHost.Answer {
    try await host.fromElsewhere(.post, "/pair-invite", key: nil, body)
  }

  private func status(_ host: WholeHost, _ made: Made) async throws -> String? {
    try await host.ask("GET", "/control/invites/\(made.id)").json["status"] as? String
  }

  private func keys(_ host: WholeHost) async throws -> [[String: Any]] {
    try await host.ask("GET", "/control/keys").json["keys"] as? [[String: Any]] ?? []
  }

  @Test("an invite is redeemed for a sealed key that opens its agent and no other, over TCP and the channel")
  func redeem() async throws {
    try await WholeHost.serve(environment: Self.many) { host, doors in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let made = try await invite(host)
      let receiver = ReceivingKey()
      let request = RedemptionRequest(try verified(made), for: receiver)
      let answer = try await doors.tcp.ask(
        "POST", "/v1/pair-invite", request.encoded(), headers: ["X-Forwarded-For: evil"])
      #expect(answer.status == 200)
      let key = try RedemptionAnswer(parsing: answer.body).key(
        for: try verified(made), with: receiver, now: Int64(Date().timeIntervalSince1970))
      let keyText = key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      #expect(!answer.text.contains("osk-v1"))
      #expect(answer.json["relayBaseURL"] as? String == "http://192.0.2.1:1337")

      let client = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      #expect(try await client.ask("GET", "/agents/\(ada.id)", key: keyText).status == 200)
      #expect(try await client.ask("GET", "/agents/\(bob.id)", key: keyText).status == 403)
      let kept = try #require(try await keys(host).first)
      #expect((kept["label"] as? String)?.hasPrefix("Invite – Ada (") == true)
      #expect((kept["label"] as? String)?.hasSuffix(") from 127.0.0.1") == true)
      #expect(kept["expires"] as? String == "1y")

      let again = try await doors.tcp.ask("POST", "/pair-invite", try self.request(made))
      #expect(again.status == 409)
      #expect(again.text == #"{"error":"Invite has already been redeemed"}"#)
      _ = try await host.ask("POST", "/control/invites/\(made.id)/revoke")
      #expect(try await client.ask("GET", "/agents/\(ada.id)", key: keyText).status == 401)
      #expect(try await doors.tcp.ask("POST", "/pair-invite", try self.request(made)).status == 403)
    }
  }

  @Test("whoever lost the answer gets the same one again, and nobody else gets one")
  func repeated() async throws {
    try await WholeHost.run(environment: Self.many) { host in
      _ = try await host.agent("Ada")
      let made = try await invite(host)
      let body = try request(made)
      let first = try await post(host, body)
      #expect(first.status == 200)
      #expect(try await post(host, body).body == first.body)
      #expect(try await post(host, try request(made)).status == 409)
      #expect(try await keys(host).count == 1)
    }
  }

  @Test("every refusal is what the protocol says, and leaves the invite as it was")
  func refusals() async throws {
    try await WholeHost.run(environment: Self.many) { host in
      _ = try await host.agent("Ada")
      let made = try await invite(host)
      let other = try await invite(host)
      let stranger = try MasterKey.generate().agentKey(AgentIndex(rawValue: 0))
      let foreign = Invite.make(
        by: stranger, try verified(made).invite.details, expiresAt: 4_000_000_000,
        random: RandomBytes.make(InviteNonce.randomCount))
      let ended = Invite.make(
        by: stranger, try verified(made).invite.details, expiresAt: 1,
        random: RandomBytes.make(InviteNonce.randomCount))
      let unregistered = try unregistered(host, like: made)
      let small = Base64URL.string([UInt8](repeating: 0, count: 32))
      let cases: [(String, Int, String)] = [
        ("", 400, "Invalid invite payload"), ("[]", 400, "Invalid invite payload"),
        ("{}", 400, "Invalid invite payload"),
        (try request(made, ["addr": nil]), 400, "Invalid invite payload"),
        (try request(made, ["exp": "soon"]), 400, "Invalid invite payload"),
        (try request(made, ["v": 2]), 400, "Unsupported invite version"),
        (try request(made, ["sig": "00"]), 401, "Signature verification failed"),
        (
          try request(made, ["sig": String(repeating: "ff", count: 65)]), 401, "Signature verification failed"
        ),
        (try request(made, ["addr": "me"]), 401, "Signature verification failed"),
        (
          try request(made, ["nonce": try verified(other).invite.nonce.text]), 401,
          "Signature verification failed"
        ),
        (try request(made, ["exp": 4_000_000_000]), 401, "Signature verification failed"),
        (try request(made, ["name": "Eve"]), 401, "Signature verification failed"),
        (text(ended.encoded()), 410, "Invite has expired"),
        (text(foreign.encoded()), 404, "Agent address not found on this server"),
        (text(unregistered.encoded()), 401, "Invite is not registered on this server"),
        (try request(made, ["encPub": nil]), 400, "Invalid encryption key"),
        (try request(made, ["encPub": ""]), 400, "Invalid encryption key"),
        (try request(made, ["encPub": "AAAA"]), 400, "Invalid encryption key"),
        (try request(made, ["encPub": small]), 400, "Invalid encryption key"),
      ]
      for (body, status, message) in cases {
        let answer = try await post(host, body)
        #expect(answer.status == status, "\(message)")
        #expect(answer.body == #"{"error":"\#(message)"}"#)
      }
      #expect(try await keys(host).isEmpty)
      #expect(try await status(host, made) == "open")
      #expect(try await post(host, try request(made)).status == 200)
      _ = try await host.ask("POST", "/control/invites/\(other.id)/revoke")
      let revoked = try await post(host, try request(other))
      #expect(revoked.status == 403)
      #expect(revoked.body == #"{"error":"Invite was revoked"}"#)
    }
  }

  @Test(
    "an invite whose time runs out between its check and the ledger is refused by the ledger, and gives no key"
  )
  func ledgersOwnExpiry() async throws {
    try await WholeHost.run(environment: Self.many) { host in
      _ = try await host.agent("Ada")
      let made = try await invite(host, #""expires":"1m""#)
      let body = try request(made)
      let ends = try verified(made).invite.expiresAt
      // Each look at the clock is later: the first is the signature's, the second the ledger's.
      let looks = Mutex<[TimeInterval]>([TimeInterval(ends) - 1, TimeInterval(ends)])
      var routes = Routes()
      routes.add(
        InviteRoutes(
          invites: host.services.invites, access: host.services.access, limiter: AttemptLimiter(limit: nil),
          allowsUnsealedKeys: false, now: { Date(timeIntervalSince1970: looks.withLock { $0.removeFirst() }) }
        ))
      let door = FrontDoor(services: host.services)
      let late = FrontDoor(
        routes: routes, policy: door.policy, authentication: door.authentication, visitors: door.visitors,
        limits: door.limits, secureDoor: door.secureDoor, logger: door.logger,
        agentAddress: door.agentAddress)
      let answer = try await host.fromElsewhere(.post, "/pair-invite", key: nil, body, through: late)
      #expect(answer.status == 410)
      #expect(answer.body == #"{"error":"Invite has expired"}"#)
      let left = looks.withLock { $0.count }
      #expect(left == 0)
      #expect(try await keys(host).isEmpty)
      #expect(try await post(host, body).status == 200)
    }
  }

  @Test("where no key can be made the invite stays open, and is good once one can")
  func noKey() async throws {
    try await WholeHost.run(environment: Self.many) { host in
      _ = try await host.agent("Ada")
      let made = try await invite(host)
      let body = try request(made)
      let database = host.services.databases.host
      try await database.write { database in
        try database.execute(
          sql: "CREATE TRIGGER fault BEFORE INSERT ON access_keys BEGIN SELECT RAISE(ABORT, 'fault'); END")
      }
      let failed = try await post(host, body)
      #expect(failed.status == 500)
      #expect(failed.body == #"{"error":"Failed to mint access key"}"#)
      #expect(try await status(host, made) == "open")
      try await database.write { try $0.execute(sql: "DROP TRIGGER fault") }
      #expect(try await post(host, body).status == 200)
      #expect(try await keys(host).count == 1)
    }
  }

  @Test("a body that is larger than an invite can be is refused by its length, before it is read")
  func tooLarge() async throws {
    try await WholeHost.serve(environment: Self.many) { _, doors in
      let answer = try await doors.tcp.ask("POST", "/pair-invite", String(repeating: " ", count: 70_000))
      #expect(answer.status == 413)
    }
  }

  /// A good invite of the host's agent that is in no ledger.
  private func unregistered(_ host: WholeHost, like made: Made) throws -> Invite {
    let details = try verified(made).invite.details
    return Invite.make(
      by: try host.services.master.agentKey(AgentIndex(rawValue: 0)), details, expiresAt: 4_000_000_000,
      random: RandomBytes.make(InviteNonce.randomCount))
  }

  @Test("a client that cannot open what is sealed gets its key only where the owner allows it")
  func olderClients() async throws {
    try await WholeHost.run(environment: ["OSAURUS_ALLOW_UNSEALED_KEYS": "true"]) { host in
      _ = try await host.agent("Ada")
      let made = try await invite(host)
      let answer = try await post(host, text(try verified(made).invite.encoded()))
      #expect(answer.status == 200)
      #expect(answer.body.contains(#""apiKey":"osk-v1."#))
      #expect(!answer.body.contains("sealedApiKey"))
    }
  }

  @Test("five a minute from one network, refused ones as well, and handshakes are counted apart")
  func limit() async throws {
    try await WholeHost.run(environment: ["OSAURUS_HANDSHAKES_PER_MINUTE": "1"]) { host in
      let ada = try await host.agent("Ada")
      let door = FrontDoor(services: host.services)
      func ask(_ path: String, _ body: String) async throws -> TestHost.Answer {
        try await host.fromElsewhere(.post, path, key: nil, body, through: door)
      }
      for _ in 0..<5 { #expect(try await ask("/pair-invite", "{}").status == 400) }
      let refused = try await ask("/pair-invite", try request(try await invite(host)))
      #expect(refused.status == 429)
      #expect(refused.body == #"{"error":"Too many pairing attempts. Try again shortly."}"#)
      let hello = #"{"agentAddress":"\#(try #require(ada.address))","encPub":"","nonce":"","v":1}"#
      #expect(try await ask("/secure/session", hello).status == 400)
      #expect(try await ask("/secure/session", hello).status == 429)
    }
  }

  @Test("an agent that other machines may not know of is not there for them, and the invite stays")
  func hiddenAgent() async throws {
    try await WholeHost.run(environment: Self.many) { host in
      _ = try await host.agent("Ada")
      let made = try await invite(host)
      _ = try await host.ask("PATCH", "/control/agents/Ada", #"{"exposed":false}"#)
      #expect(try await post(host, try request(made)).status == 404)
      _ = try await host.ask("PATCH", "/control/agents/Ada", #"{"exposed":true}"#)
      #expect(try await post(host, try request(made)).status == 200)
    }
  }

  @Test("what a request says of name and URL is not what the answer says")
  func unsignedParts() async throws {
    try await WholeHost.run(environment: Self.many) { host in
      _ = try await host.agent("Ada")
      let made = try await invite(host, #""label":"Bob""#)
      // A client of another kind sends what it knows, and passes over what it does not.
      let answer = try await post(host, try request(made, ["attempt": nil, "more": ["a": 1]]))
      #expect(answer.status == 200)
      #expect(answer.body.contains(#""agentName":"Ada""#))
      #expect(answer.body.contains(#""relayBaseURL":"http://192.0.2.1:1337""#))
      #expect((try await keys(host).first?["label"] as? String)?.hasPrefix("Invite – Bob (") == true)
    }
  }

  // MARK: The owner

  @Test(
    "invites are made, listed, shown and revoked; the link is told where it was asked for, and while it is open"
  )
  func orders() async throws {
    try await WholeHost.run(environment: Self.many) { host in
      _ = try await host.agent("Ada")
      let made = try await invite(host, #""expires":"7d","label":" Bob's  phone ""#)
      let list = try await host.text("GET", "/control/invites")
      #expect(list.contains(#""label":"Bob's phone""#) && list.contains(#""status":"open""#))
      let nonce = try verified(made).invite.nonce.text
      #expect(!list.contains(made.link) && !list.contains(nonce))
      for reference in [
        made.id.uuidString, made.id.uuidString.lowercased(), String(made.id.uuidString.prefix(8)),
      ] {
        let shown = try await host.ask("GET", "/control/invites/\(reference)")
        #expect(shown.json["link"] as? String == made.link)
      }
      let revoked = try await host.ask("POST", "/control/invites/\(made.id)/revoke")
      #expect(revoked.json["status"] as? String == "revoked")
      let shown = try await host.ask("GET", "/control/invites/\(made.id)")
      #expect(shown.json["link"] == nil)
      for (body, code) in [
        (#"{}"#, "invalid_request"), (#"{"agent":"Bob"}"#, "agent_not_found"),
        (#"{"agent":"Ada","expires":"2y"}"#, "invalid_request"),
        (#"{"agent":"Ada","url":"ftp://x"}"#, "invalid_request"),
        (#"{"agent":"Ada","label":" "}"#, "invalid_request"),
      ] {
        #expect(try await host.ask("POST", "/control/invites", body).json["error"] as? String == code)
      }
      #expect(try await host.ask("GET", "/control/invites/nothing").status == 404)
      #expect(
        try await host.fromElsewhere(.get, "/control/invites", key: try await host.key().text).status == 404)
    }
  }

  @Test("an invite holds for a minute to thirty days")
  func lifetimes() {
    let good: [(String, Int64)] = [("1m", 60), ("90m", 5400), ("24h", 86_400), ("30d", 2_592_000)]
    for (text, seconds) in good { #expect(InviteLifetime.seconds(text) == seconds) }
    for text in ["", "h", "0m", "31d", "24", "-1h", "1.5h", "1 h", "24H", "99999999999999999999d", "１h"] {
      #expect(InviteLifetime.seconds(text) == nil, "\(text)")
    }
  }

  @Test("without a URL an invite leads to where the host listens, and says whom that reaches")
  func places() async throws {
    try await WholeHost.serve { host, doors in
      _ = try await host.agent("Ada")
      func make(_ order: String) async throws -> [String: Any] {
        try await host.ask("POST", "/control/invites", order).json
      }
      let own = try await make(#"{"agent":"Ada"}"#)
      #expect(own["url"] as? String == "http://127.0.0.1:\(doors.port)")
      #expect((own["note"] as? String)?.contains("from this machine alone") == true)
      let named = try await make(#"{"agent":"Ada","url":"https://elsewhere.example/"}"#)
      #expect(named["url"] as? String == "https://elsewhere.example")
      #expect((named["note"] as? String)?.contains("allowedHosts") == true)
    }
  }
}
