import AsyncHTTPClient
import Foundation
import Identity
import SecretMemory
import Synchronization
import Testing

@testable import Connector
@testable import Pairing

@Suite("Asking to be let in", .timeLimit(.minutes(10)))
struct PairingClientTests {
  /// What came of asking.
  struct Asked: Sendable {
    let result: Result<String, ConnectorError>
    let words: String?
    let requests: [[UInt8]]
    let address: Address?
  }

  private final class Words: Sendable {
    private let text = Mutex<String?>(nil)
    var shown: String? { text.withLock { $0 } }
    func set(_ words: String) { text.withLock { $0 = words } }
  }

  /// Asks a host that answers so.
  private func ask(
    nonce: PairingNonce = .make(), challenge: PairingHost.Reaction? = nil, knowsAddress: Bool = true,
    limits: PeerLimits = PeerLimits(), _ react: @escaping PairingHost.React
  ) async throws -> Asked {
    var found: Asked?
    try await PairingHost.run(nonce: nonce, challenge: challenge, react) { host, http in
      let client = PairingClient(
        client: http, limits: limits, now: { Int64(Date().timeIntervalSince1970) })
      let target = try PairingTarget(
        url: host.url + "/", agent: host.agentID.uuidString.lowercased(),
        address: knowsAddress ? host.agent.address : nil)
      let connector = try ConnectorSeed.generate().signingKey(for: target.agent)
      let words = Words()
      do {
        let paired = try await client.pair(with: target, as: connector) { shown in
          words.set(shown.description)
        }
        found = Asked(
          result: .success(paired.key.withAuthorization { $0 }), words: words.shown,
          requests: host.requests, address: paired.address)
      } catch let error as ConnectorError {
        found = Asked(
          result: .failure(error), words: words.shown, requests: host.requests, address: nil)
      }
    }
    return try #require(found)
  }

  private func refusal(
    nonce: PairingNonce = .make(), _ react: @escaping PairingHost.React
  ) async throws -> ConnectorError? {
    let asked = try await ask(nonce: nonce, react)
    guard case .failure(let error) = asked.result else { return nil }
    return error
  }

  @Test("an honest host's key is taken, and the words are those that the host shows")
  func honest() async throws {
    let asked = try await ask { host, request in try host.honest(request) }
    #expect(try asked.result.get().hasPrefix("Bearer osk-v1."))
    #expect(asked.requests.count == 1)
    let request = try asked.requests[0].withUnsafeBytes { try PairingRequest(parsing: $0) }
    #expect(asked.words == (try request.verified().words.description))
    #expect(UUID(uuidString: request.agentID)?.uuidString == request.agentID)
  }

  @Test("a host of another make, which promises no more than the protocol, is believed what it signs")
  func otherMake() async throws {
    let plain = try #require(PairingNonce(Hex.string(RandomBytes.make(32))))
    let asked = try await ask(nonce: plain) { host, request in
      try host.honest(request, ["answerSignature": nil])
    }
    #expect(try asked.result.get().hasPrefix("Bearer osk-v1."))
  }

  @Test("where nobody said who has to answer, whoever did is told")
  func firstUse() async throws {
    let asked = try await ask(knowsAddress: false) { host, request in try host.honest(request) }
    #expect(try asked.result.get().hasPrefix("Bearer osk-v1.") && asked.address != nil)
  }

  @Test("an answer in another agent's name is refused, and so is one that another agent signed")
  func otherAgent() async throws {
    let other = try MasterKey.generate().signingKey
    let named = try await refusal { host, request in
      try host.honest(request, key: host.key(by: other), signedBy: other)
    }
    guard case .untrustedAnswer(.otherAgent(_, let actual)) = named else {
      Issue.record("\(String(describing: named))")
      return
    }
    #expect(actual == other.address)
    let signed = try await refusal { host, request in
      try host.honest(
        request, key: host.key(by: other), signedBy: other, ["agentAddress": host.agent.address.checksummed])
    }
    #expect(signed == .untrustedAnswer(.unsignedAnswer))
  }

  @Test("a key in the clear is refused, alone or beside a sealed one")
  func plaintext() async throws {
    for alone in [true, false] {
      let error = try await refusal { host, request in
        let changes: [String: Any?] = ["apiKey": host.key().withText { $0 }]
        return try host.honest(request, alone ? changes.merging(["sealedApiKey": nil]) { $1 } : changes)
      }
      #expect(error == .untrustedAnswer(.unsealedKey))
    }
  }

  @Test(
    "a swapped key, a missing signature, and an answer to another request are refused, each for its reason")
  func swapped() async throws {
    let foreign = try await refusal { host, request in
      try host.honest(request, key: host.key(by: try MasterKey.generate().signingKey))
    }
    #expect(foreign == .untrustedAnswer(.foreignKey))
    for name in ["serverSignature", "answerSignature"] {
      let unsigned = try await refusal { host, request in try host.honest(request, [name: nil]) }
      #expect(unsigned == .untrustedAnswer(.unsignedAnswer))
    }
    let elsewhere = try await refusal { host, request in
      let own = try ConnectorSeed.generate().signingKey(for: "x")
      return try host.honest(PairingRequest(for: request.agentID, .make(), by: own, ReceivingKey()))
    }
    #expect(elsewhere == .untrustedAnswer(.unsignedAnswer))
    let plain = try #require(PairingNonce(Hex.string(RandomBytes.make(32))))
    let sealed = try await refusal(nonce: plain) { host, request in
      let own = try ConnectorSeed.generate().signingKey(for: "x")
      let other = PairingRequest(for: request.agentID, host.nonce, by: own, ReceivingKey())
      return try host.honest(other, ["answerSignature": nil])
    }
    #expect(sealed == .untrustedAnswer(.sealedForAnother))
  }

  @Test(
    "every refusal of a host has its own meaning, and is asked for once",
    arguments: [
      (400, "Invalid encryption key", .pairingRefused(status: 400, message: "Invalid encryption key")),
      (
        401, "Signature verification failed",
        .pairingRefused(status: 401, message: "Signature verification failed")
      ), (401, "Pairing challenge expired or invalid", .pairingStale),
      (403, "Pairing denied", .pairingDenied),
      (429, "Another pairing request is in progress. Try again shortly.", .pairingBusy),
      (429, "Too many pairing attempts. Try again shortly.", .tooManyPairings),
      (
        500, "Failed to generate access key",
        .pairingRefused(status: 500, message: "Failed to generate access key")
      ),
      (299, "Some thing", .pairingRefused(status: 299, message: "Some thing")),
      (204, "Some thing", .pairingRefused(status: 204, message: "")),
      (799, "Some thing", .pairingRefused(status: 799, message: "Some thing")),
    ] as [(Int, String, ConnectorError)])
  func refusals(status: Int, message: String, meaning: ConnectorError) async throws {
    let asked = try await ask { _, _ in .refusal(status, message) }
    #expect(asked.result == .failure(meaning))
    #expect(asked.requests.count == 1)
  }

  @Test("an agent that cannot be asked for is named")
  func noAgent() async throws {
    let asked = try await ask { _, _ in .refusal(404, "Agent not found or not available for pairing") }
    let request = try asked.requests[0].withUnsafeBytes { try PairingRequest(parsing: $0) }
    #expect(asked.result == .failure(.notPairable(request.agentID)))
  }

  @Test("a challenge that is refused, or none, asks for nothing more")
  func challenges() async throws {
    let refused = try await ask(challenge: .refusal(429, "Too many pairing attempts. Try again shortly.")) {
      host, request in try host.honest(request)
    }
    #expect(refused.result == .failure(.tooManyPairings))
    for body in ["{}", "[]", #"{"nonce":"aa"}"#, String(repeating: "[", count: 200_000)] {
      let asked = try await ask(challenge: .answer(status: 200, body: Array(body.utf8))) { host, request in
        try host.honest(request)
      }
      #expect(asked.result == .failure(.untrustedAnswer(.malformedAnswer)))
      #expect(asked.requests.isEmpty && asked.words == nil)
    }
  }

  @Test("what is no answer, and what is too large for one, is refused", arguments: [20, 200_000])
  func malformed(count: Int) async throws {
    let error = try await refusal { _, _ in
      .answer(status: 200, body: [UInt8](repeating: UInt8(ascii: "["), count: count))
    }
    #expect(error == .untrustedAnswer(.malformedAnswer))
  }

  @Test("a redirection is not followed")
  func redirected() async throws {
    let asked = try await ask { host, _ in
      .answer(status: 307, headers: [("location", host.url + "/elsewhere")], body: [])
    }
    guard case .failure(.redirected) = asked.result else {
      Issue.record("\(asked.result)")
      return
    }
    #expect(asked.requests.count == 1)
  }

  @Test("a host that does not answer, or cuts the connection, was asked once, and that is said")
  func unanswered() async throws {
    var limits = PeerLimits()
    limits.pairing = .milliseconds(200)
    for reaction in [PairingHost.Reaction.silence, .cut] {
      let asked = try await ask(limits: limits) { _, _ in reaction }
      guard case .failure(.pairingUnanswered) = asked.result else {
        Issue.record("\(asked.result)")
        return
      }
      #expect(asked.requests.count == 1)
    }
  }

  @Test("where nobody listens, that is what is said")
  func nobody() async throws {
    let http = HTTPClient.forPeers()
    let target = try PairingTarget(url: "http://127.0.0.1:1", agent: UUID().uuidString)
    let connector = try ConnectorSeed.generate().signingKey(for: target.agent)
    await #expect(throws: ConnectorError.unreachable(url: "http://127.0.0.1:1")) {
      _ = try await PairingClient(client: http).pair(with: target, as: connector) { _ in
        Issue.record("nobody was asked")
      }
    }
    try await http.shutdown()
  }

  @Test("a target names an agent by its id or its address, and one address alone")
  func targets() throws {
    let (address, other) = (try MasterKey.generate().address, try MasterKey.generate().address)
    let id = UUID()
    let byID = try PairingTarget(url: "http://host:1/", agent: id.uuidString.lowercased(), address: address)
    #expect(byID.agent == id.uuidString && byID.agentID == id && byID.expected == address)
    let byAddress = try PairingTarget(url: "http://host:1", agent: address.lowercased)
    #expect(byAddress.agent == address.checksummed && byAddress.expected == address)
    #expect(byAddress.agentID == nil && byAddress.url == byID.url)
    for agent in ["Ada", "", "0x12"] {
      #expect(throws: ConnectorError.invalidAgent) { try PairingTarget(url: "http://host", agent: agent) }
    }
    #expect(throws: ConnectorError.invalidAgent) {
      try PairingTarget(url: "http://host", agent: address.checksummed, address: other)
    }
    #expect(throws: ConnectorError.self) { try PairingTarget(url: "ftp://host", agent: id.uuidString) }
  }

  @Test("a machine asks for an agent with one key, for another with another one")
  func connectors() throws {
    let (seed, other) = (ConnectorSeed.generate(), ConnectorSeed.generate())
    let addresses = try [
      seed.signingKey(for: "a"), seed.signingKey(for: "b"), other.signingKey(for: "a"),
    ].map(\.address)
    #expect(Set(addresses).count == 3)
    let kept = try #require(seed.withSecret { ConnectorSeed($0.copy()) })
    #expect(try kept.signingKey(for: "a").address == addresses[0])
    #expect(ConnectorSeed(.random(count: 31)) == nil)
    var dumped = ""
    dump(seed, to: &dumped)
    #expect(dumped + "\(seed)" == "- ConnectorSeed #0\nConnectorSeed")
  }
}
