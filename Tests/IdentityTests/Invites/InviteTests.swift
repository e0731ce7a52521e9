import Foundation
import Testing

@testable import Identity

@Suite("Invites")
struct InviteTests {
  static let end: Int64 = 2_000_000_000

  static func details(
    name: String = "Ada", description: String? = "gardens/balconies",
    url: String = "https://host.example:1337"
  ) throws -> InviteDetails { try InviteDetails(name: name, description: description, url: url) }

  static func agent() throws -> SigningKey { try MasterKey.alice().agentKey(AgentIndex(rawValue: 0)) }

  static func made(_ details: InviteDetails? = nil) throws -> Invite {
    .make(by: try agent(), try details ?? Self.details(), expiresAt: end, random: Array(1...10))
  }

  // MARK: Known answers

  @Test("the link that Osaurus made is read, verified, and written again byte by byte")
  func recordedLink() throws {
    let recorded = try RecordedAnswers.load().invite
    let agent = try MasterKey.testing(recorded.master).agentKey(AgentIndex(rawValue: recorded.index))
    let invite = try Invite(link: recorded.deeplink)
    #expect(invite.agent == agent.address)
    #expect(
      invite.details == (try InviteDetails(name: "Rex", description: "a/b", url: "https://relay.example")))
    #expect(invite.expiresAt == 4_102_444_800)
    #expect(invite.nonce.text == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
    #expect(invite.link == recorded.deeplink)
    let verified = try invite.verified(now: 4_102_444_799)
    #expect(!verified.detailsAreSigned)
    let again = Invite.make(
      by: agent, invite.details, expiresAt: invite.expiresAt, nonce: invite.nonce)
    #expect(again.link == recorded.deeplink)
  }

  @Test("an independent implementation signs the same")
  func independentSignature() throws {
    let nonce = try #require(InviteNonce(Base64URL.string([UInt8](repeating: 0, count: 32))))
    let invite = Invite.make(
      by: try Self.agent(), try Self.details(), expiresAt: 1_800_000_000, nonce: nonce)
    #expect(
      invite.signature.hex == """
        6a0f517f813a448c609ade71e08101b18c2021d56e90ffca382ee2e557b8819f\
        18bf6dec8fcfebf5f4745cc025fb5af039afb6ef6289cea7d69f472694e36dfd1c
        """)
  }

  @Test("an invite that is made here is, to the byte, what it was when its format was written down")
  func ownFormat() throws {
    let invite = try Self.made()
    // SHA-256 of "osaurus-invite-details-v1:", 01…0a and the details' JSON, computed with Python's hashlib.
    #expect(
      Hex.string(invite.nonce.bytes) == "0102030405060708090a4f53482d76312ca8610643a3cbc1f14d90daf351db9b")
    #expect(try Self.made().link == invite.link)
  }

  // MARK: Verifying

  @Test("an invite that is made here signs its details, and says so after its journey")
  func roundTrip() throws {
    for description in [nil, "", "a \"b\" \\ / \u{1} – ü\n"] {
      let details = try Self.details(name: "Ada \"the\" 1/2 – é", description: description)
      let invite = try Self.made(details)
      let verified = try Invite(link: "  \(invite.link)\r\n").verified(now: Self.end - 1)
      #expect(verified.invite == invite)
      #expect(verified.invite.details == details)
      #expect(verified.detailsAreSigned)
    }
  }

  @Test("an invite is refused from its last second on")
  func expiry() throws {
    let invite = try Self.made()
    _ = try invite.verified(now: Self.end - 1)
    #expect(throws: InviteRefusal.expired(at: Self.end)) { try invite.verified(now: Self.end) }
  }

  @Test("a detail that was changed on the way is refused, whichever it is")
  func alteredDetails() throws {
    let invite = try Self.made()
    let others = [
      try Self.details(name: "Eve"), try Self.details(description: "gardens"),
      try Self.details(description: nil),
      try Self.details(url: "https://host.example:1338"),
    ]
    for other in others {
      let changed = Invite(
        agent: invite.agent, writtenAddress: invite.writtenAddress, details: other, nonce: invite.nonce,
        expiresAt: invite.expiresAt, signature: invite.signature)
      #expect(throws: InviteRefusal.alteredDetails) {
        try Invite(link: changed.link).verified(now: 0)
      }
    }
  }

  @Test("the signature covers agent, nonce and end, and nobody but the agent makes it")
  func signedMembers() throws {
    let invite = try Self.made()
    let other = try MasterKey.alice().agentKey(AgentIndex(rawValue: 1))
    let random = try #require(InviteNonce(Base64URL.string([UInt8](repeating: 7, count: 32))))
    func changed(
      agent: Address? = nil, written: String? = nil, nonce: InviteNonce? = nil, end: Int64? = nil,
      signature: RecoverableSignature? = nil
    ) -> Invite {
      Invite(
        agent: agent ?? invite.agent, writtenAddress: written ?? agent?.checksummed ?? invite.writtenAddress,
        details: invite.details, nonce: nonce ?? invite.nonce, expiresAt: end ?? invite.expiresAt,
        signature: signature ?? invite.signature)
    }
    let forged = [
      changed(agent: other.address), changed(written: invite.agent.lowercased), changed(nonce: random),
      changed(end: Self.end + 1), changed(signature: other.sign(Array("x".utf8), in: .invite)),
      changed(
        signature: try Self.agent().sign(
          Array("osaurus-agent-invite-v1:\(invite.writtenAddress):\(invite.nonce.text):\(Self.end)".utf8),
          in: .pairing)),
    ]
    for forgery in forged {
      #expect(throws: InviteRefusal.wrongSignature) { try Invite(link: forgery.link).verified(now: 0) }
    }
  }

  @Test("an invite shows nothing of itself but whom it is from")
  func secrecy() throws {
    let invite = try Self.made()
    let verified = try invite.verified(now: 0)
    var dumped = ""
    dump(invite, to: &dumped)
    dump(verified, to: &dumped)
    dumped += "\(invite) \(verified) \(String(reflecting: invite)) \(String(reflecting: verified))"
    for secret in [invite.nonce.text, invite.signature.hex, "Ada"] {
      #expect(!dumped.contains(secret))
    }
  }
}
