import Crypto
import Foundation
import Identity

/// ChaCha20-Poly1305 as the channel uses it: the nonce is four zero bytes and a big-endian counter, and what the
/// counter counts stands in the additional data. (spec/01, B3; RFC 8439)
enum AEAD {
  static let nonceSize = 12
  static let tagSize = 16

  static func nonce(_ counter: UInt64) -> ChaChaPoly.Nonce {
    withUnsafeTemporaryAllocation(byteCount: nonceSize, alignment: 8) { buffer in
      write(nonce: counter, to: buffer)
      // Twelve bytes are what a nonce is; nothing else can be refused.
      guard let nonce = try? ChaChaPoly.Nonce(data: UnsafeRawBufferPointer(buffer)) else {
        preconditionFailure("a nonce has 12 bytes")
      }
      return nonce
    }
  }

  static func write(nonce counter: UInt64, to buffer: UnsafeMutableRawBufferPointer) {
    buffer.storeBytes(of: 0, toByteOffset: 0, as: UInt32.self)
    withUnsafeBytes(of: counter.bigEndian) {
      UnsafeMutableRawBufferPointer(rebasing: buffer[4..<12]).copyMemory(from: $0)
    }
  }

  /// Lends ciphertext ‖ tag of `plaintext` to `body`.
  static func seal<R>(
    _ plaintext: UnsafeRawBufferPointer, key: SymmetricKey, counter: UInt64, additional: [UInt8],
    _ body: (UnsafeRawBufferPointer) -> R
  ) -> R {
    guard
      let box = try? ChaChaPoly.seal(plaintext, using: key, nonce: nonce(counter), authenticating: additional)
    else { preconditionFailure("sealing under a 256-bit key cannot fail") }
    return box.combined.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[nonceSize...])) }
  }

  /// Reads base64url of ciphertext ‖ tag behind the nonce that belongs to it, ready to be opened; nil when it is
  /// not base64 or shorter than a tag.
  static func sealedBox(base64URL text: UnsafeRawBufferPointer, counter: UInt64) -> Data? {
    guard let count = Base64URL.decodedCount(text), count >= tagSize else { return nil }
    var box = Data(count: nonceSize + count)
    let isDecoded = box.withUnsafeMutableBytes { buffer in
      write(nonce: counter, to: buffer)
      return Base64URL.decode(text, to: UnsafeMutableRawBufferPointer(rebasing: buffer[nonceSize...]))
    }
    return isDecoded ? box : nil
  }

  /// Opens what ``sealedBox(base64URL:counter:)`` read; nil when the tag does not fit.
  static func open(_ box: Data, key: SymmetricKey, additional: [UInt8]) -> Data? {
    guard let sealed = try? ChaChaPoly.SealedBox(combined: box) else { return nil }
    return try? ChaChaPoly.open(sealed, using: key, authenticating: additional)
  }

  /// The additional data of a call.
  static func requestData(sid: String, sequence: UInt64) -> [UInt8] {
    var writer = ByteWriter(capacity: 64)
    writer.append("osaurus-sc1:req:")
    writer.append(sid.utf8)
    writer.append(":")
    writer.append(decimal: sequence)
    return writer.bytes
  }

  /// The additional data of one frame of an answer.
  static func responseData(sid: String, call: UInt64, frame: UInt64, isLast: Bool) -> [UInt8] {
    var writer = ByteWriter(capacity: 96)
    writer.append("osaurus-sc1:resp:")
    writer.append(sid.utf8)
    writer.append(":")
    writer.append(decimal: call)
    writer.append(":")
    writer.append(decimal: frame)
    writer.append(isLast ? ":1" : ":0")
    return writer.bytes
  }
}
