import CSodium
import Crypto
import Foundation
import SecretMemory

/// The way from a passphrase to the key of one file: scrypt, with r = 8 and p = 1. (RFC 7914; the age format, "The scrypt
/// recipient type")
struct AgeScrypt {
  /// The logarithm of the work that a new file takes: 256 MiB, about a second.
  static let usual = 18
  /// The largest that is done for a file from elsewhere: 4 GiB.
  static let limit = 22
  static let saltSize = 16
  static let fileKeySize = 16
  static let wrappedSize = fileKeySize + 16
  private static let label = Array("age-encryption.org/v1/scrypt".utf8)
  /// The key under it serves once, so it may be zero.
  private static let nonce = Data(count: 12)

  let salt: [UInt8]
  /// The base-2 logarithm of scrypt's N.
  let logarithm: Int

  /// The key of a file as it stands in the header.
  /// - Throws: ``AgeFault/notEnoughMemory(mebibytes:)``.
  func wrap(_ fileKey: borrowing SecretBytes, under passphrase: borrowing SecretBytes) throws -> Data {
    let key = try key(passphrase)
    return try fileKey.withUnsafeBytes { bytes in
      let box = try ChaChaPoly.seal(bytes, using: key, nonce: .init(data: Self.nonce))
      return box.ciphertext + box.tag
    }
  }

  /// - Throws: ``AgeFault/wrongPassphrase``, ``AgeFault/notEnoughMemory(mebibytes:)``.
  func unwrap(_ wrapped: Data, with passphrase: borrowing SecretBytes) throws -> SecretBytes {
    let key = try key(passphrase)
    guard
      let box = try? ChaChaPoly.SealedBox(
        nonce: .init(data: Self.nonce), ciphertext: wrapped.dropLast(16), tag: wrapped.suffix(16)),
      let opened = try? ChaChaPoly.open(box, using: key)
    else { throw AgeFault.wrongPassphrase }
    return SecretBytes(count: opened.count) { target in opened.withUnsafeBytes { target.copyMemory(from: $0) }
    }
  }

  private func key(_ passphrase: borrowing SecretBytes) throws(AgeFault) -> SymmetricKey {
    let salt = Self.label + salt
    let failure = AgeFault.notEnoughMemory(mebibytes: 1 << max(0, logarithm - 10))
    let derived = try passphrase.withUnsafeBytes { passphrase throws(AgeFault) in
      try SecretBytes(count: 32) { target throws(AgeFault) in
        let status = crypto_pwhash_scryptsalsa208sha256_ll(
          passphrase.bindMemory(to: UInt8.self).baseAddress!, passphrase.count, salt, salt.count,
          UInt64(1) << UInt64(logarithm), 8, 1, target.bindMemory(to: UInt8.self).baseAddress!, target.count)
        guard status == 0 else { throw failure }
      }
    }
    return derived.withUnsafeBytes { SymmetricKey(data: $0) }
  }
}
