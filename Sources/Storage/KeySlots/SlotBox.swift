import CSodium
import Crypto
import Foundation
import SecretMemory

/// A data key as it stands in a slot, in one of two boxes: one that who opens it can also close
/// (XChaCha20-Poly1305), and one that anybody can close who knows a public key (HPKE, RFC 9180, in base mode with
/// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305).
struct SlotBox: Hashable {
  static let nonceSize = Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
  static let publicKeySize = 32
  static let sealedSize = DataKey.byteCount + Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)

  private static let suite = HPKE.Ciphersuite(
    kem: .Curve25519_HKDF_SHA256, kdf: .HKDF_SHA256, aead: .chaChaPoly)

  /// What was fresh when it was closed: a nonce, or the encapsulated key.
  let fresh: [UInt8]
  /// The data key and a tag.
  let sealed: [UInt8]

  init(fresh: [UInt8], sealed: [UInt8]) {
    self.fresh = fresh
    self.sealed = sealed
  }

  /// Closes a box under a key of 32 bytes. The header is authenticated with it.
  init(_ dataKey: DataKey, under key: borrowing SecretBytes, header: [UInt8]) {
    let nonce = RandomBytes.make(Self.nonceSize)
    var sealed = [UInt8](repeating: 0, count: Self.sealedSize)
    dataKey.withUnsafeBytes { dataKey in
      key.withUnsafeBytes { key in
        _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
          &sealed, nil, dataKey.baseAddress!.assumingMemoryBound(to: UInt8.self), UInt64(dataKey.count),
          header, UInt64(header.count), nil, nonce,
          key.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
    }
    self.init(fresh: nonce, sealed: sealed)
  }

  /// Closes a box to a public key of X25519. The header is the `info` of HPKE.
  /// - Throws: ``StorageError/malformedSlots`` where that is no public key.
  init(_ dataKey: DataKey, to publicKey: [UInt8], header: [UInt8]) throws(StorageError) {
    do {
      var sender = try HPKE.Sender(
        recipientKey: Curve25519.KeyAgreement.PublicKey(rawRepresentation: publicKey),
        ciphersuite: Self.suite, info: Data(header))
      let sealed = try dataKey.withUnsafeBytes { try sender.seal($0) }
      self.init(fresh: [UInt8](sender.encapsulatedKey), sealed: [UInt8](sealed))
    } catch {
      throw .malformedSlots
    }
  }

  /// The public key of a private key of 32 bytes.
  static func publicKey(of key: borrowing SecretBytes) -> [UInt8] {
    [UInt8](privateKey(key).publicKey.rawRepresentation)
  }

  private static func privateKey(_ key: borrowing SecretBytes) -> Curve25519.KeyAgreement.PrivateKey {
    let made = key.withUnsafeBytes { try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: $0) }
    guard let made else { preconditionFailure("any 32 bytes are a private key of X25519") }
    return made
  }

  /// Opens a box that was closed under this key; nil where it was not.
  func open(under key: borrowing SecretBytes, header: [UInt8]) throws(StorageError) -> DataKey? {
    var isOpen = false
    // Straight into guarded memory.
    let opened = SecretBytes(count: DataKey.byteCount) { target in
      key.withUnsafeBytes { key in
        isOpen =
          crypto_aead_xchacha20poly1305_ietf_decrypt(
            target.baseAddress!.assumingMemoryBound(to: UInt8.self), nil, nil, sealed, UInt64(sealed.count),
            header, UInt64(header.count), fresh, key.baseAddress!.assumingMemoryBound(to: UInt8.self)) == 0
      }
    }
    return isOpen ? try DataKey(opened) : nil
  }

  /// Opens a box that was closed to the public key of this private one; nil where it was not.
  func open(withPrivateKey key: borrowing SecretBytes, header: [UInt8]) throws(StorageError) -> DataKey? {
    let opened: Data? = try? {
      var recipient = try HPKE.Recipient(
        privateKey: Self.privateKey(key), ciphersuite: Self.suite, info: Data(header),
        encapsulatedKey: Data(fresh))
      return try recipient.open(sealed)
    }()
    guard var opened else { return nil }
    var bytes = [UInt8](opened)
    opened.resetBytes(in: 0..<opened.count)
    return try DataKey(SecretBytes(taking: &bytes))
  }
}
