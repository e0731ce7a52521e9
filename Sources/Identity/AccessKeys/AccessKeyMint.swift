import Crypto
public import Foundation
import SecretMemory

/// A key that was just made. Its text is shown once and kept nowhere; what is stored of it are its claims and its
/// fingerprint.
public final class MintedAccessKey: Sendable {
  public let claims: AccessKeyClaims

  /// The first sixteen hexadecimal digits of the SHA-256 of the key's text: enough to tell keys apart, no help in
  /// making one.
  public let fingerprint: String

  private let token: SecretBytes

  fileprivate init(claims: AccessKeyClaims, token: consuming SecretBytes) {
    self.claims = claims
    fingerprint = token.withUnsafeBytes { bytes in
      var hash = SHA256()
      hash.update(bufferPointer: bytes)
      return Hex.string(Array(hash.finalize()).prefix(8))
    }
    self.token = token
  }

  /// Lends the key's text to `body`, to be shown or sealed.
  public func withText<R, E: Error>(_ body: (String) throws(E) -> R) throws(E) -> R {
    try body(token.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
  }
}

/// Makes access keys: `osk-v1.<base64url of the claims>.<hex of the signature>`. (spec/01, A8)
public enum AccessKeyMint {
  static let prefix = "osk-v1"

  /// Makes a key by which `signer` opens itself: the master for the whole host, an agent for that agent alone.
  /// - Parameters:
  ///   - counter: a number that the issuer has never used.
  ///   - issuedAt: now, in Unix seconds.
  public static func mint(
    by signer: SigningKey, label: String?, counter: UInt64, expiry: AccessKeyExpiry, issuedAt: Int64,
    nonce: UUID
  ) -> MintedAccessKey {
    let claims = AccessKeyClaims(
      audience: signer.address, counter: counter, expiresAt: expiry.end(issuedAt: issuedAt),
      issuedAt: issuedAt, issuer: signer.address, label: label,
      nonce: nonce.uuidString.lowercased().replacing("-", with: ""))
    return mint(claims, by: signer)
  }

  static func mint(_ claims: AccessKeyClaims, by signer: SigningKey) -> MintedAccessKey {
    let payload = claims.encoded()
    let signature = signer.secretSignature(of: payload, in: .access)
    return MintedAccessKey(claims: claims, token: token(payload: payload, signature: signature))
  }

  /// The text of a key, written once, into the memory in which it stays.
  private static func token(payload: [UInt8], signature: borrowing SecretBytes) -> SecretBytes {
    let start = Array("\(prefix).".utf8)
    let dot = start.count + Base64URL.encodedCount(payload.count)
    return SecretBytes(count: dot + 1 + 2 * signature.count) { text in
      text.copyBytes(from: start)
      payload.withUnsafeBytes { Base64URL.encode($0, to: text.baseAddress! + start.count) }
      text[dot] = UInt8(ascii: ".")
      signature.withUnsafeBytes {
        Hex.encode($0, to: UnsafeMutableRawBufferPointer(rebasing: text[(dot + 1)...]))
      }
    }
  }
}
