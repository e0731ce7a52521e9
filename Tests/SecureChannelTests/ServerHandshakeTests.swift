import Crypto
import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("The server's half of a handshake")
struct ServerHandshakeTests {
  private let agentKey: SigningKey
  private let hello: ClientHello

  init() throws {
    agentKey = try Conversation.agentKey(0)
    hello = try Conversation.clientHandshake(with: agentKey.address).hello
  }

  private func hello(
    agentAddress: String? = nil, encPub: String? = nil, nonce: String? = nil
  ) -> ClientHello {
    ClientHello(
      agentAddress: agentAddress ?? hello.agentAddress, encPub: encPub ?? hello.encPub,
      nonce: nonce ?? hello.nonce)
  }

  @Test("a nonce shorter than 16 bytes is refused, a longer one is taken")
  func nonceLength() throws {
    for count in 0..<16 {
      let nonce = Base64URL.string([UInt8](repeating: 9, count: count))
      #expect(throws: SecureChannelError.malformedHandshake) {
        try Conversation.accept(hello(nonce: nonce), by: agentKey)
      }
    }
    for count in [16, 17, 32, 1000] {
      let nonce = Base64URL.string([UInt8](repeating: 9, count: count))
      _ = try Conversation.accept(hello(nonce: nonce), by: agentKey)
    }
  }

  @Test(
    "a nonce that is not base64url is refused",
    arguments: [
      "", "AAECAwQFBgcICQoLDA0OD", "AAECAwQFBgcICQoLDA0ODx", "AAECAwQFBgcICQoLDA0ODw=",
      "AAECAwQFBgcICQoLDA0ODw===", "AAECAwQFBgcICQoL DA0ODw", "AAECAwQFBgcICQoLDA0ODw\n",
      "AAECAwQFBgcICQoLDA0OD|w", "AAECAwQFBgcICQoLDA0ODé", "!!!!!!!!!!!!!!!!!!!!!!",
      "AAECAwQFBgcICQoLDA0ODw\0", "ＡAECAwQFBgcICQoLDA0ODw",
    ])
  func nonceText(nonce: String) {
    #expect(throws: SecureChannelError.malformedHandshake) {
      try Conversation.accept(hello(nonce: nonce), by: agentKey)
    }
  }

  @Test("older forms of base64 are taken, and signed as they were sent")
  func olderBase64() throws {
    let bytes = [UInt8](repeating: 0xfb, count: 16)
    for nonce in [Data(bytes).base64EncodedString(), Base64URL.string(bytes)] {
      let (answer, _) = try Conversation.accept(hello(nonce: nonce), by: agentKey)
      let transcript =
        "osaurus-sc1|v=1|aA=\(agentKey.address.lowercased)|eC=\(hello.encPub)|nC=\(nonce)"
        + "|sid=\(answer.sid)|eS=\(answer.encPub)|exp=\(Conversation.now + 3600)"
      let signature = try #require(RecoverableSignature(hex: answer.signature))
      #expect(
        signature.recoverAddress(of: Array(transcript.utf8), in: .secureChannel) == agentKey.address)
    }
  }

  @Test("a public key that is not 32 bytes is refused", arguments: [0, 1, 16, 31, 33, 64, 1000])
  func keyLength(count: Int) {
    let key = Base64URL.string([UInt8](repeating: 9, count: count))
    #expect(throws: SecureChannelError.malformedHandshake) {
      try Conversation.accept(hello(encPub: key), by: agentKey)
    }
  }

  @Test(
    "a public key that is not base64url is refused",
    arguments: [
      "", "*", "0x00", "bFUmMmbB6rEGKIKOo3E4HRExnf5RK11IvhctkfutYU",
      "bFUm|mbB6rEGKIKOo3E4HRExnf5RK11IvhctkfutYUc",
    ])
  func keyText(key: String) {
    #expect(throws: SecureChannelError.malformedHandshake) {
      try Conversation.accept(hello(encPub: key), by: agentKey)
    }
  }

  /// The points of small order of Curve25519 and their other encodings; every secret with one is zero.
  static let smallOrderPoints = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ]

  @Test(
    "a public key that would make the secret zero is refused, with its unused bit set as well",
    arguments: smallOrderPoints, [UInt8(0), 0x80])
  func smallOrder(point: String, highBit: UInt8) throws {
    var bytes = try #require(Hex.decode(point))
    bytes[31] |= highBit
    #expect(throws: SecureChannelError.malformedHandshake) {
      try Conversation.accept(hello(encPub: Base64URL.string(bytes)), by: agentKey)
    }
  }

  @Test("the key of another agent, or of none, does not answer")
  func otherAgent() throws {
    let other = try Conversation.agentKey(1)
    #expect(throws: SecureChannelError.unknownAgent) { try Conversation.accept(hello, by: other) }
    for text in [
      "", "0x", "agent", "\(hello.agentAddress)|", "\(hello.agentAddress)0", " \(hello.agentAddress)",
    ] {
      #expect(hello(agentAddress: text).agent == nil)
      #expect(throws: SecureChannelError.unknownAgent) {
        try Conversation.accept(hello(agentAddress: text), by: agentKey)
      }
    }
  }

  @Test("the agent's address is signed in lowercase, however it was written")
  func addressCase() throws {
    let (expected, _) = try Conversation.accept(hello, by: agentKey)
    for text in [agentKey.address.checksummed, "0x" + agentKey.address.lowercased.dropFirst(2).uppercased()] {
      #expect(text != hello.agentAddress)
      #expect(try Conversation.accept(hello(agentAddress: text), by: agentKey).0 == expected)
    }
  }

  @Test("a field with the transcript's separator is refused, whichever it is")
  func separator() {
    for field in 0..<5 {
      let texts = (0..<5).map { $0 == field ? "a|b" : "ab" }
      let hello = ClientHello(agentAddress: texts[0], encPub: texts[1], nonce: texts[2])
      #expect(throws: SecureChannelError.malformedHandshake) {
        try Transcript(hello: hello, sid: texts[3], serverKey: texts[4], expiresAt: 1)
      }
    }
  }

  @Test("two handshakes have neither identifier, key nor secret in common")
  func fresh() throws {
    let (first, one) = try ServerHandshake.accept(hello, agentKey: agentKey, now: Conversation.now)
    let (second, two) = try ServerHandshake.accept(hello, agentKey: agentKey, now: Conversation.now)
    #expect(first.sid != second.sid && first.encPub != second.encPub && one.sid != two.sid)
    #expect(first.expiresAt == Conversation.now + 3600)
    let (a, b) = (ClientHandshake(with: agentKey.address), ClientHandshake(with: agentKey.address))
    #expect(a.hello.encPub != b.hello.encPub && a.hello.nonce != b.hello.nonce)
    #expect(Base64URL.decode(a.hello.nonce)?.count == 16)
  }
}
