/// Strings as JSON writes them. (spec/01, 0.4; RFC 8259 §7)
package enum JSONString {
  /// Appends `string` with its quotes. What JSON forbids is escaped, everything else stays the UTF-8 that it is.
  /// - Parameter escapingSlashes: whether `/` is written `\/`, as in texts that are signed or hashed in that form.
  package static func append(_ string: String, escapingSlashes: Bool = false, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    var string = string
    string.withUTF8 { bytes in
      var start = 0
      for index in bytes.indices {
        let byte = bytes[index]
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), ..<0x20: break
        case UInt8(ascii: "/") where escapingSlashes: break
        default: continue
        }
        text += bytes[start..<index]
        appendEscape(of: byte, to: &text)
        start = index + 1
      }
      text += bytes[start...]
    }
    text.append(UInt8(ascii: "\""))
  }

  private static func appendEscape(of byte: UInt8, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\\"))
    if let letter = letter(escaping: byte) {
      text.append(letter)
    } else {
      text += "u00".utf8 + Hex.encode(CollectionOfOne(byte))
    }
  }

  /// How many bytes ``append(_:escapingSlashes:to:)`` makes of this one.
  package static func writtenCount(of byte: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): 2
    case ..<0x20: letter(escaping: byte) == nil ? 6 : 2
    default: 1
    }
  }

  /// The letter that stands for a byte behind a backslash; nil for the control characters that need their number.
  package static func letter(escaping byte: UInt8) -> UInt8? {
    switch byte {
    case 0x08: UInt8(ascii: "b")
    case 0x09: UInt8(ascii: "t")
    case 0x0a: UInt8(ascii: "n")
    case 0x0c: UInt8(ascii: "f")
    case 0x0d: UInt8(ascii: "r")
    case ..<0x20: nil
    default: byte
    }
  }

  /// What a backslash and `letter` stand for; nil for `u` and for letters that follow none.
  static func character(escapedAs letter: UInt8) -> UInt8? {
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0c
    case UInt8(ascii: "n"): 0x0a
    case UInt8(ascii: "r"): 0x0d
    case UInt8(ascii: "t"): 0x09
    default: nil
    }
  }

  /// Writes the UTF-8 of a string to `output`, which must have as much room as `content`.
  /// - Parameter content: what stands between the quotes; its escapes were checked, and may still be half a pair.
  /// - Returns: The number of bytes, or nil when a surrogate stands alone.
  static func unescape(
    _ content: UnsafeRawBufferPointer, to output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    var index = 0
    var count = 0
    while index < content.count {
      let byte = content[index]
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        output[count] = byte
        count += 1
        continue
      }
      let letter = content[index]
      index += 1
      if let character = character(escapedAs: letter) {
        output[count] = character
        count += 1
      } else {
        guard let scalar = scalar(in: content, at: &index), let encoded = UTF8.encode(scalar) else {
          return nil
        }
        for byte in encoded {
          output[count] = byte
          count += 1
        }
      }
    }
    return count
  }

  /// The character whose digits begin at `index`, and whose second half may follow.
  private static func scalar(in content: UnsafeRawBufferPointer, at index: inout Int) -> Unicode.Scalar? {
    let high = unit(in: content, at: index)
    index += 4
    guard 0xd800...0xdbff ~= high else { return Unicode.Scalar(high) }
    guard index + 6 <= content.count, content[index] == UInt8(ascii: "\\"),
      content[index + 1] == UInt8(ascii: "u"),
      case let low = unit(in: content, at: index + 2), 0xdc00...0xdfff ~= low
    else { return nil }
    index += 6
    return Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
  }

  private static func unit(in content: UnsafeRawBufferPointer, at index: Int) -> UInt32 {
    content[index..<index + 4].reduce(0) { $0 << 4 | UInt32(Hex.value($1) ?? 0) }
  }
}
