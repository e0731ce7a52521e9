import Crypto
import Foundation
import Identity
import SecretMemory
import Testing

@testable import Pairing

@Suite("Pairing, both sides")
struct PairingTests {
  static let now: Int64 = 1_800_000_000

  /// An agent, and a connector that asks for it.
  struct Scene {
    let agent: SigningKey
    let connector: SigningKey
    let receiver = ReceivingKey()
    let nonce: PairingNonce
    let request: PairingRequest

    init(nonce: PairingNonce = .make()) throws {
      agent = try MasterKey.generate().agentKey(AgentIndex(rawValue: 0))
      connector = try MasterKey.generate().pairingKey()
      self.nonce = nonce
      request = PairingRequest(for: UUID().uuidString, nonce, by: connector, receiver)
    }

    func key(by signer: SigningKey? = nil) -> MintedAccessKey {
      AccessKeyMint.mint(
        by: signer ?? agent, label: "Paired", counter: 1, expiry: .days90, issuedAt: PairingTests.now,
        nonce: UUID())
    }

    /// The answer to the request, with members of its JSON replaced; nil takes one out.
    func answer(
      key: MintedAccessKey? = nil, signedBy signer: SigningKey? = nil, to other: PairingRequest? = nil,
      _ changes: [String: Any?] = [:]
    ) throws -> PairingAnswer {
      let honest = try PairingAnswer(
        to: (other ?? request).verified(), key: key ?? self.key(), isPermanent: false,
        signedBy: signer ?? agent)
      var members = try JSONSerialization.jsonObject(with: Data(honest.encoded())) as? [String: Any] ?? [:]
      for (key, value) in changes { members[key] = value }
      return try PairingAnswer(parsing: [UInt8](try JSONSerialization.data(withJSONObject: members)))
    }

    func opened(_ answer: PairingAnswer, expecting address: Address? = nil) throws -> String {
      let key = try answer.key(
        for: request.verified(), from: address ?? agent.address, with: receiver, now: PairingTests.now)
      return key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
  }

  private static func json(_ members: [String: Any?]) throws -> [UInt8] {
    [UInt8](try JSONSerialization.data(withJSONObject: members.compactMapValues { $0 }))
  }

  private static func parsed(_ body: [UInt8]) throws -> PairingRequest {
    try body.withUnsafeBytes { try PairingRequest(parsing: $0) }
  }

  private static func members(of request: PairingRequest) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(request.encoded())) as? [String: Any] ?? [:]
  }

  // MARK: The request

  @Test("a request is read as it was written, and recovers to whom it names")
  func request() throws {
    let scene = try Scene()
    let read = try Self.parsed(scene.request.encoded())
    #expect(read == scene.request)
    #expect(try read.verified().connector == scene.connector.address)
    #expect(read.signature.count == 132 && read.signature.hasPrefix("0x"))
  }

  @Test("a request of another kind of client is read: no own members, null or no encryption key")
  func otherClients() throws {
    let scene = try Scene()
    let bare = scene.connector.sign(Array(scene.nonce.text.utf8), in: .pairing)
    for encPub in [nil, "", NSNull()] as [Any?] {
      let read = try Self.parsed(
        Self.json([
          "connectorAddress": scene.connector.address.lowercased, "agentId": "x", "nonce": scene.nonce.text,
          "signature": bare.hex, "encPub": encPub, "more": ["a": 1],
        ]))
      #expect(read.encPub == nil && !read.wantsBoundAnswer)
      #expect(try read.verified().connector == scene.connector.address)
    }
  }

  @Test("what is no request is refused")
  func malformed() throws {
    let members = try Self.members(of: try Scene().request)
    for name in ["connectorAddress", "agentId", "nonce", "signature"] {
      for value in [nil, 7, NSNull(), String(repeating: "a", count: 600)] as [Any?] {
        var changed = members
        changed[name] = value
        let body = try Self.json(changed)
        #expect(throws: PairingRefusal.malformed) { try Self.parsed(body) }
      }
    }
    for body in ["", "[]", "{}", "{", "null"] {
      #expect(throws: PairingRefusal.malformed) { try Self.parsed(Array(body.utf8)) }
    }
  }

  @Test(
    "a request whose signature is not over this nonce and this encryption key by this connector is refused")
  func wrongSignature() throws {
    let (scene, other) = (try Scene(), try Scene())
    let members = try Self.members(of: scene.request)
    let changes: [(String, Any)] = [
      ("nonce", other.nonce.text), ("encPub", other.receiver.encPub), ("encPub", ""),
      ("connectorAddress", other.connector.address.checksummed), ("connectorAddress", "me"),
      ("signature", other.request.signature), ("signature", "0x00"), ("signature", ""),
      ("signature", "0x" + String(repeating: "ff", count: 65)),
      ("signature", scene.connector.sign(Array(scene.nonce.text.utf8), in: .pairing).prefixedHex),
      ("signature", scene.connector.sign(Array("x".utf8), in: .pairingServer).prefixedHex),
    ]
    for (name, value) in changes {
      let read = try Self.parsed(Self.json(members.merging([name: value]) { $1 }))
      #expect(throws: PairingRefusal.wrongSignature, "\(name)") { try read.verified() }
    }
  }

  // MARK: The answer

  @Test("the key that was sealed is the key that is opened, and its text is nowhere in the answer")
  func roundTrip() throws {
    let scene = try Scene()
    let key = scene.key()
    let answer = try scene.answer(key: key)
    let text = key.withText { $0 }
    #expect(try scene.opened(answer) == text)
    #expect(!String(decoding: try answer.encoded(), as: UTF8.self).contains("osk-v1"))
    var dumped = ""
    dump(answer, to: &dumped)
    #expect(dumped == "- answer of \(scene.agent.address) to a pairing request\n")
  }

  @Test(
    "an answer to an unmodified client has the members that the protocol has, in their order, and no other")
  func shape() throws {
    let scene = try Scene()
    var members = try Self.members(of: scene.request)
    members["bindAnswer"] = nil
    let plain = try Self.parsed(Self.json(members))
    let text = String(decoding: try scene.answer(to: plain).encoded(), as: UTF8.self)
    #expect(
      text.matches(of: /"([a-zA-Z]+)":/).map { String($0.1) } == [
        "agentAddress", "apiKey", "isPermanent", "sealedApiKey", "ct", "enc", "secureChannel",
        "serverSignature",
      ])
    #expect(text.contains(#""apiKey":"","isPermanent":false,"#) && text.contains(#""secureChannel":true,"#))
    #expect(text.contains(#""agentAddress":"\#(scene.agent.address.checksummed)""#))
  }

  @Test("the agent signs its address and the nonce as Osaurus does")
  func serverSignature() throws {
    let scene = try Scene()
    let members = try JSONSerialization.jsonObject(with: Data(scene.answer().encoded())) as? [String: Any]
    let payload = "osaurus-pairing-server-v1:\(scene.agent.address.lowercased):\(scene.nonce.text)"
    #expect(
      members?["serverSignature"] as? String
        == scene.agent.sign(Array(payload.utf8), in: .pairingServer).prefixedHex)
  }

  @Test("an answer in another agent's name is refused, and so is one that another agent signed")
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

  @Test("an answer to another nonce, or without the agent's signatures, is refused")
  func signature() throws {
    let scene = try Scene()
    let again = PairingRequest(for: "x", .make(), by: scene.connector, scene.receiver)
    for answer in [
      try scene.answer(["serverSignature": nil]), try scene.answer(["serverSignature": "0x00"]),
      try scene.answer(["answerSignature": nil]), try scene.answer(["answerSignature": "0x00"]),
      try scene.answer(["isPermanent": true]), try scene.answer(to: again),
    ] {
      #expect(throws: PairingError.unsignedAnswer) { try scene.opened(answer) }
    }
  }

  @Test(
    "a key that somebody in between puts in place of the agent's is refused, although it is one of the agent's"
  )
  func swapped() throws {
    let scene = try Scene()
    let honest = try scene.answer()
    let attackers = try SealedAccessKey(
      sealing: scene.key(), of: scene.agent.address, nonce: scene.nonce.text, to: scene.receiver.encPub)
    let sealed = ["ct": attackers.ct, "enc": attackers.enc]
    #expect(throws: PairingError.unsignedAnswer) {
      try scene.opened(try scene.answer(["sealedApiKey": sealed]))
    }
    // Its own pairing, in the connector's place.
    let own = try Scene(nonce: scene.nonce)
    let relayed = PairingRequest(for: "x", scene.nonce, by: own.connector, own.receiver)
    #expect(throws: PairingError.unsignedAnswer) { try scene.opened(try scene.answer(to: relayed)) }
    _ = try scene.opened(honest)
  }

  @Test("a host that promises no signature over the whole answer is believed what it seals")
  func otherHosts() throws {
    let random = PairingNonce(Hex.string(RandomBytes.make(32)))
    let scene = try Scene(nonce: try #require(random))
    _ = try scene.opened(try scene.answer(["answerSignature": nil]))
    #expect(throws: PairingError.unsignedAnswer) {
      try scene.opened(try scene.answer(["answerSignature": "0x00"]))
    }
    #expect(throws: PairingError.unsignedAnswer) {
      try scene.opened(try scene.answer(["answerSignature": nil, "serverSignature": nil]))
    }
  }

  @Test("a sealed key that is not the agent's own is refused, and so is one that has ended")
  func foreignKey() throws {
    let (scene, other) = (try Scene(), try Scene())
    #expect(throws: PairingError.foreignKey) { try scene.opened(try scene.answer(key: other.key())) }
    let ended = AccessKeyMint.mint(
      by: scene.agent, label: nil, counter: 1, expiry: .days30, issuedAt: 0, nonce: UUID())
    #expect(throws: PairingError.foreignKey) { try scene.opened(try scene.answer(key: ended)) }
  }

  @Test("what is no answer is refused, and so is one that is too large")
  func malformedAnswers() throws {
    for body in ["", "[]", "{}", #"{"agentAddress":"0x12"}"#] {
      #expect(throws: PairingError.malformedAnswer) { try PairingAnswer(parsing: Array(body.utf8)) }
    }
    let large = try Scene().answer().encoded() + [UInt8](repeating: 0x20, count: PairingAnswer.longest)
    #expect(throws: PairingError.malformedAnswer) { try PairingAnswer(parsing: large) }
  }

  @Test("an encryption key that is none makes no answer")
  func badReceiver() throws {
    let scene = try Scene()
    var members = try Self.members(of: scene.request)
    for encPub in ["AAAA", Base64URL.string([UInt8](repeating: 0, count: 32))] {
      members["encPub"] = encPub
      members["signature"] =
        scene.connector.sign(Array("\(scene.nonce.text):\(encPub)".utf8), in: .pairing).prefixedHex
      let verified = try Self.parsed(Self.json(members)).verified()
      #expect(!SealedAccessKey.canSeal(to: encPub))
      #expect(throws: PairingError.invalidEncryptionKey) {
        _ = try PairingAnswer(to: verified, key: scene.key(), isPermanent: false, signedBy: scene.agent)
      }
    }
  }

  // MARK: What both ends show

  @Test("both ends show the same four words")
  func words() throws {
    let scene = try Scene()
    let shown = try scene.request.verified().words
    #expect(try Self.parsed(scene.request.encoded()).verified().words == shown)
    #expect(shown.words.count == 4)
    #expect(shown.words.allSatisfy { EnglishWords.all.contains(Substring($0)) })
  }

  @Test("another agent, nonce, connector or encryption key gives other words")
  func otherWords() throws {
    let (first, second) = (try Scene(), try Scene())
    let (connector, other) = (first.connector.address, second.connector.address)
    let (nonce, encPub) = (first.nonce.text, first.receiver.encPub)
    let all = [
      PairingWords(agent: "a", nonce: nonce, connector: connector, encPub: encPub),
      PairingWords(agent: "b", nonce: nonce, connector: connector, encPub: encPub),
      PairingWords(agent: "a", nonce: second.nonce.text, connector: connector, encPub: encPub),
      PairingWords(agent: "a", nonce: nonce, connector: other, encPub: encPub),
      PairingWords(agent: "a", nonce: nonce, connector: connector, encPub: second.receiver.encPub),
      PairingWords(agent: "a", nonce: nonce, connector: connector, encPub: nil),
    ]
    #expect(Set(all).count == all.count)
  }

  @Test("the words are those that the documents give")
  func knownWords() throws {
    let connector = try #require(Address(bytes: [UInt8](1...20)))
    let words = PairingWords(
      agent: "6F9619FF-8B86-D011-B42D-00C04FC964FF", nonce: String(repeating: "ab", count: 32),
      connector: connector, encPub: Base64URL.string([UInt8](1...32)))
    #expect(words.description == "win error repair prefer")
  }
}
