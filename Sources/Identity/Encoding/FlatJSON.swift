#if canImport(Glibc)
  import Glibc
#endif

/// A fast look at the one shape of JSON that the hot messages have: an object whose values are ASCII strings
/// without escapes other than `\/`, whole numbers, booleans, or objects to be looked at in the same way.
///
/// It is no JSON parser. Whatever is not exactly of that shape is left to Foundation's: the scan answers false,
/// and the caller decodes the text the ordinary way. Duplicate keys are the caller's to notice.
package enum FlatJSON {
  package enum Value {
    /// The text between the quotes: ASCII from 0x20 on, without quotes and backslashes.
    case string(UnsafeRawBufferPointer)
    /// The same with `\/` for every slash, as some encoders write it.
    /// ``FlatJSON/text(_:)`` reads it.
    case slashEscaped(UnsafeRawBufferPointer)
    /// A whole number without sign, fraction or exponent.
    case unsigned(UInt64)
    case boolean(Bool)
    /// The text of an object, with its braces.
    case object(UnsafeRawBufferPointer)
  }

  /// The text of a string value.
  package static func text(_ value: Value) -> String? {
    switch value {
    case .string(let content): String(decoding: content, as: UTF8.self)
    case .slashEscaped(let content):
      String(decoding: content.lazy.filter { $0 != UInt8(ascii: "\\") }, as: UTF8.self)
    case .unsigned, .boolean, .object: nil
    }
  }

  /// Hands each member of the object to `member`, which answers whether it can go on.
  /// - Returns: Whether the whole text was one such object and every member was taken.
  @inline(__always)
  package static func scan(
    _ text: UnsafeRawBufferPointer, _ member: (_ key: UnsafeRawBufferPointer, _ value: Value) -> Bool
  ) -> Bool {
    var cursor = Cursor(text: text)
    cursor.skipSpace()
    guard cursor.take(UInt8(ascii: "{")) else { return false }
    cursor.skipSpace()
    if cursor.take(UInt8(ascii: "}")) { return cursor.isAtEndAfterSpace() }
    while true {
      cursor.skipSpace()
      guard let key = cursor.string() else { return false }
      cursor.skipSpace()
      guard cursor.take(UInt8(ascii: ":")) else { return false }
      cursor.skipSpace()
      guard let value = cursor.value(), member(key, value) else { return false }
      cursor.skipSpace()
      if cursor.take(UInt8(ascii: ",")) { continue }
      return cursor.take(UInt8(ascii: "}")) && cursor.isAtEndAfterSpace()
    }
  }

  /// Whether `key` is `name`.
  @inline(__always)
  package static func isKey(_ key: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    key.count == name.utf8CodeUnitCount && memcmp(key.baseAddress!, name.utf8Start, key.count) == 0
  }

  private struct Cursor {
    let text: UnsafeRawBufferPointer
    var position = 0

    mutating func skipSpace() {
      while position < text.count {
        switch text[position] {
        case 0x20, 0x09, 0x0a, 0x0d: position += 1
        default: return
        }
      }
    }

    mutating func take(_ character: UInt8) -> Bool {
      guard position < text.count, text[position] == character else { return false }
      position += 1
      return true
    }

    mutating func isAtEndAfterSpace() -> Bool {
      skipSpace()
      return position == text.count
    }

    /// The content of a string without escapes.
    mutating func string() -> UnsafeRawBufferPointer? {
      guard case .string(let content)? = quoted() else { return nil }
      return content
    }

    mutating func quoted() -> Value? {
      guard take(UInt8(ascii: "\"")), position < text.count, let base = text.baseAddress else { return nil }
      guard let quote = memchr(base + position, Int32(UInt8(ascii: "\"")), text.count - position) else {
        return nil
      }
      let end = UnsafeRawPointer(quote) - base
      let content = UnsafeRawBufferPointer(rebasing: text[position..<end])
      position = end + 1
      if Self.isPlain(content) { return .string(content) }
      return Self.escapesOnlySlashes(content) ? .slashEscaped(content) : nil
    }

    static func escapesOnlySlashes(_ content: UnsafeRawBufferPointer) -> Bool {
      var index = 0
      while index < content.count {
        let byte = content[index]
        guard byte >= 0x20, byte < 0x80 else { return false }
        if byte == UInt8(ascii: "\\") {
          guard index + 1 < content.count, content[index + 1] == UInt8(ascii: "/") else { return false }
          index += 1
        }
        index += 1
      }
      return true
    }

    /// The text of an object up to the brace that closes it. What is inside is looked at later.
    mutating func object() -> Value? {
      let start = position
      var depth = 0
      while position < text.count {
        switch text[position] {
        case UInt8(ascii: "{"): depth += 1
        case UInt8(ascii: "}"): depth -= 1
        case UInt8(ascii: "\""):
          guard quoted() != nil else { return nil }
          continue
        default: break
        }
        position += 1
        if depth == 0 { return .object(UnsafeRawBufferPointer(rebasing: text[start..<position])) }
      }
      return nil
    }

    /// Whether every byte is ASCII from 0x20 on and none is a backslash; 32 at a time.
    static func isPlain(_ content: UnsafeRawBufferPointer) -> Bool {
      typealias Words = SIMD4<UInt64>
      let ones = Words(repeating: 0x0101_0101_0101_0101)
      let spaces = Words(repeating: 0x2020_2020_2020_2020)
      let backslashes = Words(repeating: 0x5c5c_5c5c_5c5c_5c5c)
      var index = 0
      // The top bit of a byte says that it, or one before it, is none of those.
      var suspects = Words.zero
      while index + 32 <= content.count {
        let words = content.loadUnaligned(fromByteOffset: index, as: Words.self)
        let differences = words ^ backslashes
        suspects |= words | ((words &- spaces) & ~words) | ((differences &- ones) & ~differences)
        index += 32
      }
      let suspect = suspects[0] | suspects[1] | suspects[2] | suspects[3]
      guard suspect & 0x8080_8080_8080_8080 == 0 else { return false }
      while index < content.count {
        let byte = content[index]
        guard byte >= 0x20, byte < 0x80, byte != 0x5c else { return false }
        index += 1
      }
      return true
    }

    mutating func value() -> Value? {
      guard position < text.count else { return nil }
      switch text[position] {
      case UInt8(ascii: "\""): return quoted()
      case UInt8(ascii: "{"): return object()
      case UInt8(ascii: "t"): return word("true") ? .boolean(true) : nil
      case UInt8(ascii: "f"): return word("false") ? .boolean(false) : nil
      case UInt8(ascii: "0")...UInt8(ascii: "9"): return number()
      default: return nil
      }
    }

    private mutating func word(_ word: StaticString) -> Bool {
      let count = word.utf8CodeUnitCount
      guard position + count <= text.count, memcmp(text.baseAddress! + position, word.utf8Start, count) == 0
      else { return false }
      position += count
      return true
    }

    private mutating func number() -> Value? {
      let start = position
      var value: UInt64 = 0
      while position < text.count, case let digit = text[position] &- UInt8(ascii: "0"), digit < 10 {
        let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
        let (sum, carried) = tens.addingReportingOverflow(UInt64(digit))
        guard !overflowed, !carried else { return nil }
        value = sum
        position += 1
      }
      let hasLeadingZero = text[start] == UInt8(ascii: "0") && position - start > 1
      guard !hasLeadingZero, position < text.count else { return nil }
      switch text[position] {
      case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): return nil
      default: return .unsigned(value)
      }
    }
  }
}
