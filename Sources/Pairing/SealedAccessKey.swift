import Crypto
import Foundation
public import Identity
public import SecretMemory

/// An access key that one receiver alone can open: HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256),
/// HKDF-SHA256 and ChaCha20-Poly1305, one message without additional data. (spec/02, C5)
public struct SealedAccessKey: Hashable, Codable, Sendable {
  /// Base64url of ciphertext and tag.
  public let ct: String
  /// Base64url of the encapsulated key, 32 bytes.
  public let enc: String

  private static let suite = HPKE.Ciphersuite(
    kem: .Curve25519_HKDF_SHA256, kdf: .HKDF_SHA256, aead: .chaChaPoly)

  /// - Parameters:
  ///   - nonce: what the request and its answer have in common: of a challenge, or of an invite.
  ///   - receiver: base64url of an X25519 public key.
  /// - Throws: ``PairingError/invalidEncryptionKey``.
  public init(
    sealing key: UnsafeRawBufferPointer, of agent: Address, nonce: String, to receiver: String
  ) throws(PairingError) {
    guard let publicKey = Self.publicKey(receiver) else { throw .invalidEncryptionKey }
    do {
      var sender = try HPKE.Sender(
        recipientKey: publicKey, ciphersuite: Self.suite, info: Self.info(agent, nonce))
      let sealed = try key.withUnsafeBytes { try sender.seal($0) }
      ct = Base64URL.string([UInt8](sealed))
      enc = Base64URL.string([UInt8](sender.encapsulatedKey))
    } catch {
      throw .invalidEncryptionKey
    }
  }

  /// Seals a key that was just made.
  /// - Throws: ``PairingError/invalidEncryptionKey``.
  public init(
    sealing key: MintedAccessKey, of agent: Address, nonce: String, to receiver: String
  ) throws(PairingError) {
    self = try key.withText { text throws(PairingError) in
      var text = text
      let result = text.withUTF8 { bytes in
        Result { () throws(PairingError) in
          try SealedAccessKey(
            sealing: UnsafeRawBufferPointer(bytes), of: agent, nonce: nonce, to: receiver)
        }
      }
      return try result.get()
    }
  }

  /// Whether a key can be sealed to this receiver.
  public static func canSeal(to receiver: String) -> Bool { publicKey(receiver) != nil }

  /// Opens it, and takes what is inside only where it is an access key that the agent made for itself and that has not
  /// ended.
  /// - Parameter now: the time, in Unix seconds.
  /// - Throws: ``PairingError/sealedForAnother`` or ``PairingError/foreignKey``.
  public func openKey(
    of agent: Address, nonce: String, with receiver: ReceivingKey, now: Int64
  ) throws(PairingError) -> SecretBytes {
    let key = try open(with: receiver, agent: agent, nonce: nonce)
    // A validator that knows of nothing but this agent takes exactly the keys that it made for itself.
    let rules = AccessKeyValidator.Rules(master: agent)
    let verdict = key.withUnsafeBytes { AccessKeyValidator(rules: rules).validate($0, now: now) }
    guard case .valid = verdict else { throw .foreignKey }
    return key
  }

  /// Opens it.
  /// - Throws: ``PairingError/sealedForAnother``.
  public func open(with key: ReceivingKey, agent: Address, nonce: String) throws(PairingError) -> SecretBytes
  {
    guard let enc = Self.publicKey(enc), let ct = Base64URL.decode(ct) else { throw .sealedForAnother }
    do {
      var recipient = try HPKE.Recipient(
        privateKey: key.privateKey, ciphersuite: Self.suite, info: Self.info(agent, nonce),
        encapsulatedKey: enc.rawRepresentation)
      var opened = try recipient.open(ct)
      var bytes = [UInt8](opened)
      opened.resetBytes(in: 0..<opened.count)
      return SecretBytes(taking: &bytes)
    } catch {
      throw .sealedForAnother
    }
  }

  /// An X25519 public key that gives a secret. Points of small order give zero with every key, which RFC 9180 (7.1.4)
  /// forbids and swift-crypto lets pass.
  private static func publicKey(_ text: String) -> Curve25519.KeyAgreement.PublicKey? {
    guard let bytes = Base64URL.decode(text), bytes.count == 32,
      let key = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: bytes),
      let shared = try? Curve25519.KeyAgreement.PrivateKey().sharedSecretFromKeyAgreement(with: key),
      shared.withUnsafeBytes({ $0.contains { $0 != 0 } })
    else { return nil }
    return key
  }

  private static func info(_ agent: Address, _ nonce: String) -> Data {
    Data("osaurus-pair-key-v1:\(agent.lowercased):\(nonce)".utf8)
  }
}

/// The X25519 key to which an access key is to be sealed, made for one request.
public struct ReceivingKey: Sendable {
  let privateKey: Curve25519.KeyAgreement.PrivateKey

  public init() { privateKey = Curve25519.KeyAgreement.PrivateKey() }

  init(privateKey: Curve25519.KeyAgreement.PrivateKey) { self.privateKey = privateKey }

  /// Base64url of the public half.
  public var encPub: String { Base64URL.string([UInt8](privateKey.publicKey.rawRepresentation)) }
}

extension ReceivingKey: CustomStringConvertible, CustomReflectable {
  public var description: String { "ReceivingKey" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
