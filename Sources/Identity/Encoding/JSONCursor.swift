#if canImport(Glibc)
  import Glibc
#endif

/// A place in a text of JSON, and the steps from there (RFC 8259). No step allocates or recurses.
struct JSONCursor {
  let text: UnsafeRawBufferPointer
  var position = 0

  @inline(__always)
  mutating func skipSpace() {
    while position < text.count {
      switch text[position] {
      case 0x20, 0x09, 0x0a, 0x0d: position += 1
      default: return
      }
    }
  }

  @inline(__always)
  mutating func take(_ character: UInt8) -> Bool {
    guard position < text.count, text[position] == character else { return false }
    position += 1
    return true
  }

  mutating func isAtEndAfterSpace() -> Bool {
    skipSpace()
    return position == text.count
  }

  /// Any value, of which an object or array is stepped over.
  mutating func value() -> FlatJSON.Value? {
    guard position < text.count else { return nil }
    let start = position
    switch text[position] {
    case UInt8(ascii: "{"):
      return skipNested() ? .object(UnsafeRawBufferPointer(rebasing: text[start..<position])) : nil
    case UInt8(ascii: "["): return skipNested() ? .array : nil
    default: return scalar()
    }
  }

  private mutating func scalar() -> FlatJSON.Value? {
    guard position < text.count else { return nil }
    switch text[position] {
    case UInt8(ascii: "\""): return string()
    case UInt8(ascii: "t"): return word("true") ? .boolean(true) : nil
    case UInt8(ascii: "f"): return word("false") ? .boolean(false) : nil
    case UInt8(ascii: "n"): return word("null") ? .null : nil
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return unsigned()
    case UInt8(ascii: "-"): return number()
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

  // MARK: Objects and arrays

  /// Steps over an object or array and everything in it.
  @inline(never)
  private mutating func skipNested() -> Bool {
    let (brace, bracket) = (UInt8(ascii: "}"), UInt8(ascii: "]"))
    // What ends each level that is open. One more is open around them all.
    var ends = InlineArray<255, UInt8>(repeating: 0)
    var depth = 0
    repeat {
      guard position < text.count else { return false }
      let first = text[position]
      if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
        guard depth < FlatJSON.depthLimit - 1 else { return false }
        ends[depth] = first == UInt8(ascii: "{") ? brace : bracket
        depth += 1
        position += 1
        skipSpace()
        if !take(ends[depth - 1]) {
          guard ends[depth - 1] == bracket || skipKey() else { return false }
          continue
        }
        depth -= 1
      } else {
        guard scalar() != nil else { return false }
      }
      // Behind a value: as many levels end as end here, and the last one may go on.
      while depth > 0 {
        skipSpace()
        if take(ends[depth - 1]) {
          depth -= 1
          continue
        }
        guard take(UInt8(ascii: ",")) else { return false }
        skipSpace()
        guard ends[depth - 1] == bracket || skipKey() else { return false }
        break
      }
    } while depth > 0
    return true
  }

  /// Steps over a key, its colon and the space behind it.
  private mutating func skipKey() -> Bool {
    guard string() != nil else { return false }
    skipSpace()
    guard take(UInt8(ascii: ":")) else { return false }
    skipSpace()
    return true
  }

  // MARK: Strings

  @inline(__always)
  mutating func string() -> FlatJSON.Value? {
    guard take(UInt8(ascii: "\"")), position < text.count, let base = text.baseAddress else { return nil }
    guard let quote = memchr(base + position, Int32(UInt8(ascii: "\"")), text.count - position) else {
      return nil
    }
    let end = UnsafeRawPointer(quote) - base
    let content = UnsafeRawBufferPointer(rebasing: text[position..<end])
    guard Self.isPlain(content) else { return escapedString() }
    position = end + 1
    return .string(content)
  }

  /// Whether every byte is ASCII from 0x20 on and none is a backslash; 32 at a time.
  private static func isPlain(_ content: UnsafeRawBufferPointer) -> Bool {
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

  /// A string with escapes or with characters beyond ASCII, from behind its first quote on.
  @inline(never)
  private mutating func escapedString() -> FlatJSON.Value? {
    let start = position
    var bits: UInt8 = 0
    while position < text.count {
      let byte = text[position]
      if byte == UInt8(ascii: "\"") {
        let content = UnsafeRawBufferPointer(rebasing: text[start..<position])
        position += 1
        return bits < 0x80 || Self.isUTF8(content) ? .escaped(content) : nil
      }
      guard byte >= 0x20 else { return nil }
      position += 1
      bits |= byte
      if byte == UInt8(ascii: "\\") {
        guard skipEscape() else { return nil }
      }
    }
    return nil
  }

  /// Steps over what follows a backslash.
  private mutating func skipEscape() -> Bool {
    guard position < text.count else { return false }
    let letter = text[position]
    position += 1
    guard letter == UInt8(ascii: "u") else { return JSONString.character(escapedAs: letter) != nil }
    guard position + 4 <= text.count else { return false }
    for index in position..<position + 4 where Hex.value(text[index]) == nil { return false }
    position += 4
    return true
  }

  private static func isUTF8(_ content: UnsafeRawBufferPointer) -> Bool {
    do {
      _ = try UTF8Span(validating: content.assumingMemoryBound(to: UInt8.self).span)
      return true
    } catch {
      return false
    }
  }

  // MARK: Numbers

  /// A number that begins with a digit.
  private mutating func unsigned() -> FlatJSON.Value? {
    let start = position
    var value: UInt64 = 0
    while position < text.count, case let digit = text[position] &- UInt8(ascii: "0"), digit < 10 {
      let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, carried) = tens.addingReportingOverflow(UInt64(digit))
      guard !overflowed, !carried else {
        position = start
        return number()
      }
      value = sum
      position += 1
    }
    let hasLeadingZero = text[start] == UInt8(ascii: "0") && position - start > 1
    guard !hasLeadingZero, position < text.count else { return nil }
    switch text[position] {
    case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
      position = start
      return number()
    default: return .unsigned(value)
    }
  }

  @inline(never)
  private mutating func number() -> FlatJSON.Value? {
    let start = position
    _ = take(UInt8(ascii: "-"))
    guard take(UInt8(ascii: "0")) || skipDigits() else { return nil }
    if take(UInt8(ascii: ".")), !skipDigits() { return nil }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard skipDigits() else { return nil }
    }
    return .number(UnsafeRawBufferPointer(rebasing: text[start..<position]))
  }

  private mutating func skipDigits() -> Bool {
    let start = position
    while position < text.count, text[position] &- UInt8(ascii: "0") < 10 { position += 1 }
    return position > start
  }
}
