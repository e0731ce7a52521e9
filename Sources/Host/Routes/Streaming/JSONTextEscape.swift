import Identity
import NIOCore

extension ByteBuffer {
  /// Writes `text` as a JSON string with its quotes: `"`, `\` and control characters escaped, everything else as
  /// its UTF-8. (spec/01, 0.4)
  mutating func writeJSONString(_ text: String) {
    writeInteger(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { bytes in
      var start = 0
      for index in bytes.indices {
        let byte = bytes[index]
        guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
        if start < index { writeBytes(UnsafeBufferPointer(rebasing: bytes[start..<index])) }
        writeEscape(of: byte)
        start = index + 1
      }
      if start < bytes.count { writeBytes(UnsafeBufferPointer(rebasing: bytes[start...])) }
    }
    writeInteger(UInt8(ascii: "\""))
  }

  private mutating func writeEscape(of byte: UInt8) {
    writeInteger(UInt8(ascii: "\\"))
    if let letter = JSONString.letter(escaping: byte) {
      writeInteger(letter)
    } else {
      writeStaticString("u00")
      writeBytes(Hex.encode(CollectionOfOne(byte)))
    }
  }
}
