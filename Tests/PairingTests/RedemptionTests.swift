import Foundation
import Identity
import SecretMemory
import Testing

@testable import Pairing

@Suite("Redeeming, both sides")
struct RedemptionTests {
  static let now: Int64 = 1_800_000_000

  /// An agent, its invite and somebody who redeems it.
  struct Scene {
    let agent: SigningKey
    let invite: VerifiedInvite
    let receiver = ReceivingKey()
    let request: RedemptionRequest

    init(binding: Bool = true) throws {
      agent = try MasterKey.generate().agentKey(AgentIndex(rawValue: 0))
      let details = try InviteDetails(name: "Ada", description: "gardens", url: "http://192.0.2.1:1337")
      let end = RedemptionTests.now + 60
      let foreign = try #require(InviteNonce(Base64URL.string(RandomBytes.make(32))))
      let made =
        binding
        ? Invite.make(by: agent, details, expiresAt: end, random: RandomBytes.make(InviteNonce.randomCount))
        : Invite.make(by: agent, details, expiresAt: end, nonce: foreign)
      invite = try made.verified(now: RedemptionTests.now)
      request = RedemptionRequest(invite, for: receiver)
    }

    func key(by signer: SigningKey? = nil) -> MintedAccessKey {
      AccessKeyMint.mint(
        by: signer ?? agent, label: "Invite", counter: 1, expiry: .year, issuedAt: RedemptionTests.now,
        nonce: UUID())
    }

    /// The answer to the request, with members of its JSON replaced; nil takes one out.
    func answer(
      key: MintedAccessKey? = nil, signedBy signer: SigningKey? = nil, to other: RedemptionRequest? = nil,
      _ changes: [String: Any?] = [:]
    ) throws -> RedemptionAnswer {
      let honest = try RedemptionAnswer(
        to: other ?? request, details: invite.invite.details, key: key ?? self.key(),
        signedBy: signer ?? agent)
      var members =
        try JSONSerialization.jsonObject(with: Data(honest.encoded())) as? [String: Any] ?? [:]
      for (key, value) in changes { members[key] = value }
      return try RedemptionAnswer(
        parsing: [UInt8](try JSONSerialization.data(withJSONObject: members)))
    }

    func opened(_ answer: RedemptionAnswer) throws -> String {
      let key = try answer.key(for: invite, with: receiver, now: RedemptionTests.now)
      return key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
  }

  @Test("a request is read as it was written, and its members are in order")
  func request() throws {
    let scene = try Scene()
    let body = scene.request.encoded()
    let read = try body.withUnsafeBytes { try RedemptionRequest(parsing: $0) }
    #expect(read.invite == scene.invite.invite)
    #expect(read.encPub == scene.receiver.encPub)
    #expect(read.attempt == scene.request.attempt)
    #expect(
      String(decoding: body, as: UTF8.self).matches(of: /"([a-zA-Z]+)":/).map { String($0.1) } == [
        "addr", "attempt", "desc", "encPub", "exp", "name", "nonce", "sig", "url", "v",
      ])
  }

  @Test("a request of a client that sends no key of its own is read as such")
  func olderRequest() throws {
    let body = try Scene().invite.invite.encoded()
    let read = try body.withUnsafeBytes { try RedemptionRequest(parsing: $0) }
    #expect(read.encPub == nil && read.attempt == nil)
  }

  @Test("the key that was sealed is the key that is opened, and its text is nowhere in the answer")
  func roundTrip() throws {
    for binding in [true, false] {
      let scene = try Scene(binding: binding)
      let key = scene.key()
      let answer = try scene.answer(key: key)
      let text = key.withText { $0 }
      #expect(try scene.opened(answer) == text)
      #expect(!String(decoding: try answer.encoded(), as: UTF8.self).contains(text))
      var dumped = ""
      dump(answer, to: &dumped)
      #expect(dumped == "- answer of \(scene.agent.address) to an invite\n")
    }
  }

  @Test("an answer looks as the protocol has it")
  func shape() throws {
    let scene = try Scene()
    let text = String(decoding: try scene.answer().encoded(), as: UTF8.self)
    #expect(
      text.contains(
        #""agentDescription":"gardens","agentName":"Ada","apiKey":"","relayBaseURL":"http://192.0.2.1:1337","#
      ))
    #expect(
      text.matches(of: /"([a-zA-Z]+)":/).map { String($0.1) } == [
        "agentAddress", "agentDescription", "agentName", "apiKey", "relayBaseURL", "sealedApiKey", "ct",
        "enc",
        "secureChannel", "serverSignature",
      ])
  }

  @Test("an answer in another agent's name is refused")
  func otherAgent() throws {
    let (scene, other) = (try Scene(), try Scene())
    let swapped = try scene.answer(key: other.key(), signedBy: other.agent)
    #expect(throws: PairingError.otherAgent(expected: scene.agent.address, actual: other.agent.address)) {
      try scene.opened(swapped)
    }
    let renamed = try scene.answer(
      key: other.key(), signedBy: other.agent, ["agentAddress": scene.agent.address.checksummed])
    #expect(throws: PairingError.unsignedAnswer) { try scene.opened(renamed) }
  }

  @Test("a key in the clear is refused, alone or beside a sealed one")
  func plaintext() throws {
    let scene = try Scene()
    let text = scene.key().withText { $0 }
    for changes: [String: Any?] in [["apiKey": text], ["apiKey": text, "sealedApiKey": nil]] {
      #expect(throws: PairingError.unsealedKey) { try scene.opened(try scene.answer(changes)) }
    }
    #expect(throws: PairingError.malformedAnswer) {
      try scene.opened(try scene.answer(["sealedApiKey": nil]))
    }
  }

  @Test("where the invite's details are signed the answer has to be, by the agent and for this request")
  func signature() throws {
    let (scene, other) = (try Scene(), try Scene())
    let again = RedemptionRequest(scene.invite, for: ReceivingKey())
    for answer in [
      try scene.answer(["serverSignature": nil]), try scene.answer(["serverSignature": "0x00"]),
      try scene.answer(["serverSignature": other.agent.sign(Array("x".utf8), in: .pairingServer).prefixedHex]
      ),
      try scene.answer(to: again),
    ] {
      #expect(throws: PairingError.unsignedAnswer) { try scene.opened(answer) }
    }
  }

  @Test("a host that signs no answers is believed what it seals, and what it signs has to be right")
  func unsignedHosts() throws {
    let scene = try Scene(binding: false)
    _ = try scene.opened(try scene.answer(["serverSignature": nil]))
    #expect(throws: PairingError.unsignedAnswer) {
      try scene.opened(try scene.answer(["serverSignature": "0x00"]))
    }
    let again = RedemptionRequest(scene.invite, for: ReceivingKey())
    #expect(throws: PairingError.sealedForAnother) {
      try scene.opened(try scene.answer(to: again, ["serverSignature": nil]))
    }
  }

  @Test("a sealed key that is not the agent's own is refused, whoever signed the answer")
  func foreignKey() throws {
    let (scene, other) = (try Scene(), try Scene())
    #expect(throws: PairingError.foreignKey) { try scene.opened(try scene.answer(key: other.key())) }
    let expired = AccessKeyMint.mint(
      by: scene.agent, label: nil, counter: 1, expiry: .days30, issuedAt: 0, nonce: UUID())
    #expect(throws: PairingError.foreignKey) { try scene.opened(try scene.answer(key: expired)) }
  }

  @Test("what is no answer is refused, and so is one that is too large")
  func malformed() throws {
    for body in ["", "[]", "{}", #"{"agentAddress":"0x12"}"#] {
      #expect(throws: PairingError.malformedAnswer) { try RedemptionAnswer(parsing: Array(body.utf8)) }
    }
    let large = try Scene().answer().encoded() + [UInt8](repeating: 0x20, count: RedemptionAnswer.longest)
    #expect(throws: PairingError.malformedAnswer) { try RedemptionAnswer(parsing: large) }
  }

  @Test("a client without a key of its own gets the key in the clear")
  func olderClient() throws {
    let scene = try Scene()
    let body = scene.invite.invite.encoded()
    let older = try body.withUnsafeBytes { try RedemptionRequest(parsing: $0) }
    let key = scene.key()
    let answer = try RedemptionAnswer(
      to: older, details: scene.invite.invite.details, key: key, signedBy: scene.agent)
    let members = try JSONSerialization.jsonObject(with: Data(answer.encoded())) as? [String: Any]
    #expect(members?["apiKey"] as? String == key.withText { $0 })
    #expect(members?["sealedApiKey"] == nil)
  }

  @Test("every refusal is a sentence, and no two are the same")
  func sentences() throws {
    let address = try Scene().agent.address
    let all: [PairingError] = [
      .invalidEncryptionKey, .malformedAnswer, .otherAgent(expected: address, actual: address), .unsealedKey,
      .unsignedAnswer, .sealedForAnother, .foreignKey,
    ]
    #expect(Set(all.map(\.description)).count == all.count)
    for error in all { #expect(error.description.hasSuffix(".")) }
  }
}
