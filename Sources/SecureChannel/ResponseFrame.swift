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
    if let frame = Self.fast(text) {
      self = frame
      return
    }
    guard let message = WireJSON.decode(Message.self, from: text) else {
      throw .malformedFrame
    }
    var ciphertext = message.ct
    let box = ciphertext.withUTF8 {
      AEAD.sealedBox(base64URL: UnsafeRawBufferPointer($0), counter: message.seq)
    }
    guard let box else { throw .decryptionFailed }
    self.init(sequence: message.seq, isLast: message.fin ?? false, box: box)
  }

  private init(sequence: UInt64, isLast: Bool, box: Data) {
    self.sequence = sequence
    self.isLast = isLast
    self.box = box
  }

  private struct Message: Decodable {
    let seq: UInt64
    let ct: String
    let fin: Bool?
  }

  private static func fast(_ text: UnsafeRawBufferPointer) -> ResponseFrame? {
    var sequence: UInt64?
    var ciphertext: UnsafeRawBufferPointer?
    var isLast: Bool?
    let isFlat = FlatJSON.scan(text) { key, value in
      switch value {
      case .string(let content):
        guard FlatJSON.isKey(key, "ct"), ciphertext == nil else { return false }
        ciphertext = content
        return true
      case .unsigned(let number):
        guard FlatJSON.isKey(key, "seq"), sequence == nil else { return false }
        sequence = number
        return true
      case .boolean(let flag):
        guard FlatJSON.isKey(key, "fin"), isLast == nil else { return false }
        isLast = flag
        return true
      case .slashEscaped, .object:
        return false
      }
    }
    guard isFlat, let sequence, let ciphertext,
      let box = AEAD.sealedBox(base64URL: ciphertext, counter: sequence)
    else { return nil }
    return ResponseFrame(sequence: sequence, isLast: isLast ?? false, box: box)
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
