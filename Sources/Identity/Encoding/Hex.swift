/// Hexadecimal text, in strict ASCII: lowercase on output, either case on input, no prefix. (spec/01, 0.2)
public enum Hex {
  private static let digits: StaticString = "0123456789abcdef"

  /// The lowercase digits of `bytes`, as ASCII.
  public static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: bytes.count * 2) { buffer, initialized in
      encode(bytes, to: UnsafeMutableRawBufferPointer(buffer))
      initialized = bytes.count * 2
    }
  }

  /// Writes the lowercase digits of `bytes` to `output`, which must have room for two for each.
  static func encode(_ bytes: some Collection<UInt8>, to output: UnsafeMutableRawBufferPointer) {
    let table = digits.utf8Start
    var index = 0
    for byte in bytes {
      output[index] = table[Int(byte >> 4)]
      output[index + 1] = table[Int(byte & 15)]
      index += 2
    }
  }

  /// The lowercase digits of `bytes`, as text.
  public static func string(_ bytes: some Collection<UInt8>) -> String {
    String(decoding: encode(bytes), as: UTF8.self)
  }

  /// The value of one digit, or nil for any other character.
  static func value(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// The bytes of an even number of digits; nil for anything else. The empty text is no bytes.
  public static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard text.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2)
    var index = 0
    while index < text.count {
      guard let high = value(text[index]), let low = value(text[index + 1]) else { return nil }
      bytes.append(high << 4 | low)
      index += 2
    }
    return bytes
  }

  /// The bytes of an even number of digits; nil for anything else.
  public static func decode(_ text: some StringProtocol) -> [UInt8]? {
    var text = String(text)
    return text.withUTF8 { decode(UnsafeRawBufferPointer($0)) }
  }
}
