/// Numbers as JSON writes them. (RFC 8259 §6)
enum JSONNumber {
  /// The value of a number that is whole and fits, exactly; nil for every other.
  /// - Parameter text: a number whose form was checked.
  static func integer<Integer: FixedWidthInteger>(_ text: UnsafeRawBufferPointer) -> Integer? {
    let isNegative = text.first == UInt8(ascii: "-")
    let end = text.firstIndex { $0 | 0x20 == UInt8(ascii: "e") } ?? text.count
    // The number is its digits, without the zeros at their end, times a power of ten.
    var digits: UInt64 = 0
    var zeros = 0
    var power = end < text.count ? exponent(text[(end + 1)...]) : 0
    var isFraction = false
    for byte in text[(isNegative ? 1 : 0)..<end] {
      if byte == UInt8(ascii: ".") {
        isFraction = true
        continue
      }
      if isFraction { power -= 1 }
      if byte == UInt8(ascii: "0") {
        zeros += digits == 0 ? 0 : 1
        continue
      }
      guard let tens = scaled(digits, by: zeros + 1) else { return nil }
      let (sum, overflowed) = tens.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      guard !overflowed else { return nil }
      digits = sum
      zeros = 0
    }
    guard digits > 0 else { return 0 }
    return scaled(digits, by: power + zeros).flatMap {
      Integer(exactly: isNegative ? -Int128($0) : Int128($0))
    }
  }

  /// `number` times a power of ten, if that is whole and fits.
  private static func scaled(_ number: UInt64, by power: Int) -> UInt64? {
    guard number > 0 else { return 0 }
    guard 0...19 ~= power else { return nil }
    var number = number
    for _ in 0..<power {
      let (product, overflowed) = number.multipliedReportingOverflow(by: 10)
      guard !overflowed else { return nil }
      number = product
    }
    return number
  }

  /// An exponent, which is only looked at as far as a text could undo it with digits.
  private static func exponent(_ text: Slice<UnsafeRawBufferPointer>) -> Int {
    var value = 0
    for case let digit in text where digit &- UInt8(ascii: "0") < 10 {
      value = min(value * 10 + Int(digit - UInt8(ascii: "0")), 1 << 40)
    }
    return text.first == UInt8(ascii: "-") ? -value : value
  }
}
