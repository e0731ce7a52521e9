import AsyncHTTPClient
import Foundation
import Identity
import SecretMemory
import Testing

@testable import Connector
@testable import Pairing

@Suite("Redeeming invites", .timeLimit(.minutes(10)))
struct InviteRedeemerTests {
  /// Redeems an invite at a host that answers so.
  private func redeem(
    bindsDetails: Bool = true, limits: PeerLimits = PeerLimits(), _ react: @escaping InviteHost.React
  ) async throws -> (result: Result<String, ConnectorError>, requests: [[UInt8]]) {
    var found: (Result<String, ConnectorError>, [[UInt8]])?
    try await InviteHost.run(react) { host, http in
      let redeemer = InviteRedeemer(
        client: http, limits: limits, now: { Int64(Date().timeIntervalSince1970) })
      do {
        let key = try await redeemer.redeem(try host.invite(bindsDetails: bindsDetails), at: try host.peer())
        found = (.success(key.withAuthorization { $0 }), host.requests)
      } catch let error as ConnectorError {
        found = (.failure(error), host.requests)
      }
    }
    return try #require(found)
  }

  private func refusal(
    bindsDetails: Bool = true, _ react: @escaping InviteHost.React
  ) async throws -> ConnectorError? {
    switch try await redeem(bindsDetails: bindsDetails, react).result {
    case .success: nil
    case .failure(let error): error
    }
  }

  @Test(
    "an honest host's key is taken, whether or not it signs more than it has to", arguments: [true, false])
  func honest(bindsDetails: Bool) async throws {
    let (result, requests) = try await redeem(bindsDetails: bindsDetails) { host, request, _ in
      try host.honest(request, bindsDetails ? [:] : ["serverSignature": nil])
    }
    #expect(try result.get().hasPrefix("Bearer osk-v1."))
    #expect(requests.count == 1)
  }

  @Test("an answer in another agent's name is refused, and so is one that another agent signed")
  func otherAgent() async throws {
    let other = try MasterKey.generate().signingKey
    let named = try await refusal { host, request, _ in
      try host.honest(request, key: host.key(by: other), signedBy: other)
    }
    guard case .untrustedAnswer(.otherAgent(_, let actual)) = named else {
      Issue.record("\(String(describing: named))")
      return
    }
    #expect(actual == other.address)
    let signed = try await refusal { host, request, _ in
      try host.honest(
        request, key: host.key(by: other), signedBy: other, ["agentAddress": host.agent.address.checksummed])
    }
    #expect(signed == .untrustedAnswer(.unsignedAnswer))
  }

  @Test("a key in the clear is refused")
  func plaintext() async throws {
    for bindsDetails in [true, false] {
      let error = try await refusal(bindsDetails: bindsDetails) { host, request, _ in
        try host.honest(request, ["apiKey": host.key().withText { $0 }, "sealedApiKey": nil])
      }
      #expect(error == .untrustedAnswer(.unsealedKey))
    }
  }

  @Test("an answer whose signature was taken out, or whose key was swapped, is refused")
  func swapped() async throws {
    let unsigned = try await refusal { host, request, _ in
      try host.honest(request, ["serverSignature": nil])
    }
    #expect(unsigned == .untrustedAnswer(.unsignedAnswer))
    let foreign = try await refusal { host, request, _ in
      try host.honest(request, key: host.key(by: try MasterKey.generate().signingKey))
    }
    #expect(foreign == .untrustedAnswer(.foreignKey))
    // Somebody in between who redeemed it and passes the key on, sealed anew.
    let relayed = try await refusal(bindsDetails: false) { host, request, _ in
      let other = RedemptionRequest(try request.invite.verified(now: 0), for: ReceivingKey())
      return try host.honest(other, ["serverSignature": nil])
    }
    #expect(relayed == .untrustedAnswer(.sealedForAnother))
  }

  @Test(
    "every refusal of a host has its own meaning, and is asked for once",
    arguments: [
      (401, .inviteUnknown), (403, .inviteRevoked), (409, .inviteUsed), (410, .inviteExpired),
      (429, .tooManyHandshakes), (400, .rejected(status: 400, code: nil, message: "Some thing")),
      (500, .rejected(status: 500, code: nil, message: "Some thing")),
    ] as [(Int, ConnectorError)])
  func refusals(status: Int, meaning: ConnectorError) async throws {
    let (result, requests) = try await redeem { _, _, _ in
      .answer(status: status, body: Array(#"{"error":"Some thing"}"#.utf8))
    }
    #expect(result == .failure(meaning))
    #expect(requests.count == 1)
  }

  @Test("an agent that the host has not is named, and asked for once")
  func noAgent() async throws {
    let (result, requests) = try await redeem { _, _, _ in
      .answer(status: 404, body: Array(#"{"error":"Agent address not found on this server"}"#.utf8))
    }
    let request = try requests[0].withUnsafeBytes { try RedemptionRequest(parsing: $0) }
    #expect(result == .failure(.noSuchAgent(request.invite.agent)))
    #expect(requests.count == 1)
  }

  @Test("a redirection is not followed, and another host gets nothing")
  func redirected() async throws {
    let (result, requests) = try await redeem { host, _, _ in
      .answer(status: 307, headers: [("location", host.url + "/elsewhere")], body: [])
    }
    guard case .failure(.redirected) = result else {
      Issue.record("\(result)")
      return
    }
    #expect(requests.count == 1)
  }

  @Test("what is no answer, and what is too large for one, is refused", arguments: [20, 200_000])
  func malformed(count: Int) async throws {
    let error = try await refusal { _, _, _ in
      .answer(status: 200, body: [UInt8](repeating: UInt8(ascii: "["), count: count))
    }
    #expect(error == .untrustedAnswer(.malformedAnswer))
  }

  @Test("an answer that is lost is asked for again, by the same request")
  func lost() async throws {
    let (result, requests) = try await redeem { host, request, number in
      switch number {
      case 1: .cut
      case 2: .answer(status: 504, body: [])
      default: try host.honest(request)
      }
    }
    #expect(try result.get().hasPrefix("Bearer osk-v1."))
    #expect(requests.count == 3)
    #expect(Set(requests).count == 1)
  }

  @Test("a host that never answers is asked three times, and one that cannot repeat itself once")
  func unanswered() async throws {
    var limits = PeerLimits()
    limits.redemption = .milliseconds(200)
    for (bindsDetails, count) in [(true, 3), (false, 1)] {
      let (result, requests) = try await redeem(bindsDetails: bindsDetails, limits: limits) { _, _, _ in
        .silence
      }
      guard case .failure(.inviteUnanswered) = result else {
        Issue.record("\(result)")
        return
      }
      #expect(requests.count <= count)
    }
  }

  @Test("where nobody listens, that is what is said")
  func nobody() async throws {
    let http = HTTPClient.forPeers()
    let agent = try MasterKey.generate().signingKey
    let details = try InviteDetails(name: "Ada", url: "http://127.0.0.1:1")
    let invite = try Invite.make(
      by: agent, details, expiresAt: 4_000_000_000, random: RandomBytes.make(InviteNonce.randomCount)
    ).verified(now: 0)
    let peer = try Peer(name: "Ada", url: details.url, address: agent.address)
    await #expect(throws: ConnectorError.unreachable(url: details.url)) {
      try await InviteRedeemer(client: http).redeem(invite, at: peer)
    }
    try await http.shutdown()
  }
}
