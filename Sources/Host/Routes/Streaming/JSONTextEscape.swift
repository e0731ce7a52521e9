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
    let short: UInt8? =
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
      case 0x08: UInt8(ascii: "b")
      case 0x0C: UInt8(ascii: "f")
      case 0x0A: UInt8(ascii: "n")
      case 0x0D: UInt8(ascii: "r")
      case 0x09: UInt8(ascii: "t")
      default: nil
      }
    writeInteger(UInt8(ascii: "\\"))
    if let short {
      writeInteger(short)
    } else {
      let digits: StaticString = "0123456789abcdef"
      writeStaticString("u00")
      writeInteger(digits.utf8Start[Int(byte >> 4)])
      writeInteger(digits.utf8Start[Int(byte & 15)])
    }
  }
}
