import Crypto
import Foundation
import SecretMemory

/// The parts of a file in the age format: 64 KiB each under ChaCha20-Poly1305 in the STREAM construction, whose nonce is the
/// part's number and whether it is the last.
struct AgePayload {
  static let partSize = 65_536
  static let tagSize = 16
  static let nonceSize = 16

  private let key: SymmetricKey
  private(set) var number: UInt64 = 0

  init(_ fileKey: borrowing SecretBytes, nonce: [UInt8]) {
    key = AgeHeader.key("payload", salt: nonce, fileKey).withUnsafeBytes { SymmetricKey(data: $0) }
  }

  mutating func seal(_ part: Data, isLast: Bool) throws -> Data {
    let box = try ChaChaPoly.seal(part, using: key, nonce: nonce(isLast))
    number += 1
    return box.ciphertext + box.tag
  }

  /// - Throws: ``AgeFault/alteredPart(_:)``.
  mutating func open(_ sealed: Data, isLast: Bool) throws -> Data {
    // Nothing but an empty file ends in an empty part.
    let isLongEnough = sealed.count > Self.tagSize || (sealed.count == Self.tagSize && number == 0)
    guard isLongEnough,
      let box = try? ChaChaPoly.SealedBox(
        nonce: nonce(isLast), ciphertext: sealed.dropLast(Self.tagSize), tag: sealed.suffix(Self.tagSize)),
      let opened = try? ChaChaPoly.open(box, using: key)
    else { throw AgeFault.alteredPart(number) }
    number += 1
    return opened
  }

  private func nonce(_ isLast: Bool) throws -> ChaChaPoly.Nonce {
    var bytes = Data(count: 3)
    withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    bytes.append(isLast ? 1 : 0)
    return try ChaChaPoly.Nonce(data: bytes)
  }
}
