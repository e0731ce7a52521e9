import Crypto
import Foundation
import Identity

/// The text that both ends agree on and the agent signs: the literal fields of both messages, the
/// agent's address in lowercase. (spec/01, B2)
struct Transcript {
  let bytes: [UInt8]

  /// - Throws: ``SecureChannelError/malformedHandshake`` when a field holds the separator, which would let two
  ///   different handshakes have one transcript.
  init(
    hello: ClientHello, sid: String, serverKey: String, expiresAt: Int64
  ) throws(SecureChannelError) {
    for field in [hello.agentAddress, hello.encPub, hello.nonce, sid, serverKey]
    where field.utf8.contains(UInt8(ascii: "|")) {
      throw .malformedHandshake
    }
    var writer = ByteWriter(capacity: 256)
    writer.append("osaurus-sc1|v=1|aA=")
    writer.append(
      hello.agentAddress.utf8.lazy.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 })
    writer.append("|eC=")
    writer.append(hello.encPub.utf8)
    writer.append("|nC=")
    writer.append(hello.nonce.utf8)
    writer.append("|sid=")
    writer.append(sid.utf8)
    writer.append("|eS=")
    writer.append(serverKey.utf8)
    writer.append("|exp=\(expiresAt)".utf8)
    bytes = writer.bytes
  }
}

/// The keys of a session: one for each direction, and one for each answer. swift-crypto wipes a `SymmetricKey`
/// when it is released. (spec/01, B3)
struct SessionKeys: Sendable {
  let clientToServer: SymmetricKey
  /// What the keys of answers are expanded from: extracted once, since it is the same for every call.
  private let answers: HashedAuthenticationCode<SHA256>

  init(shared: SharedSecret, transcript: Transcript) {
    let secret = shared.withUnsafeBytes { SymmetricKey(data: $0) }
    let pseudoRandomKey = HKDF<SHA256>.extract(
      inputKeyMaterial: secret, salt: Data(SHA256.hash(data: transcript.bytes)))
    clientToServer = HKDF<SHA256>.expand(
      pseudoRandomKey: pseudoRandomKey, info: Array("osaurus-sc1:c2s".utf8), outputByteCount: 32)
    let serverToClient = HKDF<SHA256>.expand(
      pseudoRandomKey: pseudoRandomKey, info: Array("osaurus-sc1:s2c".utf8), outputByteCount: 32)
    answers = HKDF<SHA256>.extract(inputKeyMaterial: serverToClient, salt: Data())
  }

  /// The key under which the answer to one call is sealed.
  func responseKey(for sequence: UInt64) -> SymmetricKey {
    var info = ByteWriter(capacity: 48)
    info.append("osaurus-sc1:respkey:")
    info.append(decimal: sequence)
    return HKDF<SHA256>.expand(pseudoRandomKey: answers, info: info.bytes, outputByteCount: 32)
  }

  /// Agrees on a secret with a public key from the wire.
  /// - Throws: ``SecureChannelError/malformedHandshake`` for a key that is not 32 bytes of base64url, or whose
  ///   secret would be all zeroes (RFC 7748 §6.1).
  static func agree(
    _ own: Curve25519.KeyAgreement.PrivateKey, with peer: String
  ) throws(SecureChannelError) -> SharedSecret {
    guard let bytes = Base64URL.decode(peer), bytes.count == 32,
      let key = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: bytes),
      let shared = try? own.sharedSecretFromKeyAgreement(with: key),
      shared.withUnsafeBytes({ $0.contains { $0 != 0 } })
    else { throw .malformedHandshake }
    return shared
  }
}
