import SecretMemory

/// Base64 of secrets (RFC 4648 section 4, padded), which leaves no copies behind.
enum SecretBase64 {
  private struct Malformed: Error {}

  /// How many characters stand for `bytes` bytes.
  static func count(of bytes: Int) -> Int { (bytes + 2) / 3 * 4 }

  /// Appends the text of a secret to an array that has room for it.
  static func append(_ secret: UnsafeRawBufferPointer, to text: inout [UInt8]) {
    for start in stride(from: 0, to: secret.count, by: 3) {
      let count = min(3, secret.count - start)
      var group: UInt32 = 0
      for index in 0..<3 { group = group << 8 | (index < count ? UInt32(secret[start + index]) : 0) }
      for index in 0..<4 {
        let isPadding = index > count
        text.append(isPadding ? UInt8(ascii: "=") : character(UInt8(group >> (18 - 6 * index) & 63)))
      }
    }
  }

  /// The secret that a text stands for; nil for anything else.
  static func decode(_ text: ArraySlice<UInt8>) -> SecretBytes? {
    guard text.count % 4 == 0 else { return nil }
    let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
    let digits = text.count - padding
    return try? SecretBytes(count: digits * 3 / 4) { secret throws(Malformed) in
      var bits: UInt32 = 0
      var filled = 0
      for (index, character) in text.prefix(digits).enumerated() {
        guard let digit = digit(character) else { throw Malformed() }
        bits = bits << 6 | UInt32(digit)
        guard index % 4 > 0 else { continue }
        let left = 6 - 2 * UInt32(index % 4)
        secret[filled] = UInt8(truncatingIfNeeded: bits >> left)
        filled += 1
        bits &= (1 << left) - 1
      }
      // What the last character says beyond the last byte has to be nothing.
      guard bits == 0 else { throw Malformed() }
    }
  }

  private static func character(_ digit: UInt8) -> UInt8 {
    switch digit {
    case 0..<26: digit + UInt8(ascii: "A")
    case 26..<52: digit - 26 + UInt8(ascii: "a")
    case 52..<62: digit - 52 + UInt8(ascii: "0")
    case 62: UInt8(ascii: "+")
    default: UInt8(ascii: "/")
    }
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
