import Crypto
import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("The client's half of a handshake")
struct ClientHandshakeTests {
  private static let now = Conversation.now

  private let agentKey: SigningKey
  private let handshake: ClientHandshake
  private let answer: ServerHello

  init() throws {
    agentKey = try Conversation.agentKey(0)
    handshake = try Conversation.clientHandshake(with: agentKey.address)
    answer = try Conversation.accept(handshake.hello, by: agentKey).0
  }

  private func answer(
    sid: String? = nil, encPub: String? = nil, expiresAt: Int64? = nil, signature: String? = nil
  ) -> ServerHello {
    ServerHello(
      sid: sid ?? answer.sid, encPub: encPub ?? answer.encPub, expiresAt: expiresAt ?? answer.expiresAt,
      signature: signature ?? answer.signature)
  }

  /// An answer with anything in it that the agent did sign.
  private func signed(
    sid: String? = nil, encPub: String? = nil, expiresAt: Int64? = nil, by key: SigningKey? = nil,
    in domain: SigningDomain = .secureChannel
  ) throws -> ServerHello {
    let changed = answer(sid: sid, encPub: encPub, expiresAt: expiresAt)
    let transcript =
      "osaurus-sc1|v=1|aA=\(handshake.hello.agentAddress)|eC=\(handshake.hello.encPub)"
      + "|nC=\(handshake.hello.nonce)|sid=\(changed.sid)|eS=\(changed.encPub)|exp=\(changed.expiresAt)"
    let signature = (key ?? agentKey).sign(Array(transcript.utf8), in: domain)
    return answer(
      sid: changed.sid, encPub: changed.encPub, expiresAt: changed.expiresAt,
      signature: signature.prefixedHex)
  }

  private func refusal(of answer: ServerHello) -> SecureChannelError? {
    do throws(SecureChannelError) {
      _ = try handshake.finish(answer, now: Self.now)
      return nil
    } catch {
      return error
    }
  }

  private func isMismatch(_ error: SecureChannelError?) -> Bool {
    if case .identityMismatch(agentKey.address, let actual) = error {
      actual != agentKey.address
    } else {
      false
    }
  }

  @Test("an answer by the pinned agent is taken")
  func accepted() throws {
    let session = try handshake.finish(answer, now: Self.now)
    #expect(session.sid == answer.sid && session.agent == agentKey.address)
    #expect(session.expiresAt == Self.now + 3600)
    #expect(try signed() == answer)
  }

  @Test("an answer by anybody else is refused, and says who signed")
  func otherSigner() throws {
    let other = try Conversation.agentKey(1)
    #expect(
      refusal(of: try signed(by: other))
        == .identityMismatch(expected: agentKey.address, actual: other.address))
  }

  @Test("a signature of another domain is refused", arguments: SigningDomain.allCases)
  func otherDomain(domain: SigningDomain) throws {
    let refusal = refusal(of: try signed(in: domain))
    #expect(domain == .secureChannel ? refusal == nil : isMismatch(refusal))
  }

  @Test("an answer whose fields are not the signed ones is refused")
  func changedFields() throws {
    let key = Curve25519.KeyAgreement.PrivateKey().publicKey.rawRepresentation
    #expect(isMismatch(refusal(of: answer(sid: SessionID.random().text))))
    #expect(isMismatch(refusal(of: answer(encPub: Base64URL.string(Array(key))))))
    #expect(isMismatch(refusal(of: answer(expiresAt: answer.expiresAt + 1))))
    // The same bytes in other characters are other characters.
    #expect(isMismatch(refusal(of: answer(sid: answer.sid + "=="))))
    #expect(isMismatch(refusal(of: answer(encPub: answer.encPub + "="))))
  }

  @Test("an answer to another hello is refused")
  func otherHello() throws {
    let later = try Conversation.clientHandshake(with: agentKey.address, nonce: 1)
    let stranger = ClientHandshake(with: agentKey.address, nonce: Array(repeating: 0, count: 16))
    for other in [later, stranger] {
      #expect(throws: SecureChannelError.self) { try other.finish(answer, now: Self.now) }
    }
  }

  @Test("every flipped bit of the signature is refused, and no recovery id ends the process")
  func signatureBits() throws {
    let bytes = try #require(Hex.decode(answer.signature.dropFirst(2)))
    for index in bytes.indices.filter({ $0 % 8 == 0 || $0 > 62 }) {
      for bit in 0..<8 {
        var changed = bytes
        changed[index] ^= 1 << bit
        let refusal = refusal(of: answer(signature: "0x" + hex(changed)))
        #expect(refusal == .invalidServerHello || isMismatch(refusal), "byte \(index), bit \(bit)")
      }
    }
    for recovery in UInt8.min...UInt8.max where recovery != bytes[64] {
      let refusal = refusal(of: answer(signature: "0x" + hex(bytes.dropLast() + [recovery])))
      #expect(recovery == 27 || recovery == 28 ? isMismatch(refusal) : refusal == .invalidServerHello)
    }
  }

  @Test("a signature that is no signature is refused", arguments: ["", "0x", "0x00", "0X", "zz", "0x0x"])
  func signatureText(text: String) {
    #expect(refusal(of: answer(signature: text)) == .invalidServerHello)
    #expect(
      refusal(of: answer(signature: answer.signature + text)) == (text.isEmpty ? nil : .invalidServerHello))
  }

  @Test(
    "a session identifier that is not base64url is refused",
    arguments: ["", "a", "a|b", "ab cd", "\"", "é", "ab:c"])
  func sid(text: String) throws {
    #expect(refusal(of: try signed(sid: text)) == .invalidServerHello)
  }

  @Test(
    "a server's key that is not 32 bytes is refused",
    arguments: ["", "AA", "é", String(repeating: "A", count: 44)])
  func serverKey(text: String) throws {
    #expect(refusal(of: try signed(encPub: text)) == .invalidServerHello)
  }

  @Test(
    "a server's key that makes the secret zero is refused, though the agent signed it",
    arguments: ServerHandshakeTests.smallOrderPoints)
  func smallOrder(point: String) throws {
    let key = Base64URL.string(try #require(Hex.decode(point)))
    #expect(refusal(of: try signed(encPub: key)) == .invalidServerHello)
  }

  @Test(
    "a session that is over, or lasts longer than two hours, is refused, though the agent signed it",
    arguments: [
      (-300, false), (-299, true), (0, true), (3600, true), (7200, true), (7201, false),
      (86_400 * 365, false), (Int64.max - Conversation.now, false), (-Conversation.now, false),
      (Int64.min, false),
    ] as [(Int64, Bool)])
  func expiry(offset: Int64, isTaken: Bool) throws {
    let end = offset == .min ? offset : Self.now + offset
    #expect(refusal(of: try signed(expiresAt: end)) == (isTaken ? nil : .unreasonableExpiry))
  }
}
