import Foundation
import Identity

/// One frame of an answer, as it comes over the wire. (spec/01, B1)
struct ResponseFrame {
  let sequence: UInt64
  let isLast: Bool
  /// Nonce ‖ ciphertext ‖ tag.
  let box: Data

  /// - Throws: ``SecureChannelError/malformedFrame`` or ``SecureChannelError/decryptionFailed`` where the
  ///   ciphertext is not base64url or shorter than a tag.
  init(parsing text: UnsafeRawBufferPointer) throws(SecureChannelError) {
    var sequence: UInt64?
    var isLast: Bool?
    var ciphertext: FlatJSON.Value?
    let isObject = FlatJSON.scan(text) { key, value in
      if FlatJSON.isKey(key, "ct") { return FlatJSON.fill(&ciphertext, value) }
      if FlatJSON.isKey(key, "seq") { return FlatJSON.fill(&sequence, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "fin") {
        return FlatJSON.isNull(value) || FlatJSON.fill(&isLast, FlatJSON.boolean(value))
      }
      return true
    }
    guard isObject, let sequence, let ciphertext,
      let box = FlatJSON.withText(ciphertext, { AEAD.sealedBox(base64URL: $0, counter: sequence) })
    else { throw .malformedFrame }
    guard let box else { throw .decryptionFailed }
    self.init(sequence: sequence, isLast: isLast ?? false, box: box)
  }

  private init(sequence: UInt64, isLast: Bool, box: Data) {
    self.sequence = sequence
    self.isLast = isLast
    self.box = box
  }

  /// Appends a frame to `writer`: keys in order, `fin` only where it is true.
  static func write(
    sequence: UInt64, isLast: Bool, sealed: UnsafeRawBufferPointer, to writer: inout ByteWriter
  ) {
    writer.append("{\"ct\":\"")
    writer.append(base64URL: sealed)
    writer.append(isLast ? "\",\"fin\":true,\"seq\":" : "\",\"seq\":")
    writer.append(decimal: sequence)
    writer.append("}")
  }
}
