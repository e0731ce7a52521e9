#if canImport(Glibc)
  import Glibc
#endif

/// Reads the members of one JSON object (RFC 8259) where they lie: nothing is copied that nobody asks for, and
/// what a member nests is stepped over, however much it is, without memory.
///
/// The whole text is checked: numbers, escapes, UTF-8, and that nothing nests deeper than ``depthLimit``. Members
/// that nobody knows, and keys that come twice, are the caller's to pass over.
package enum FlatJSON {
  package enum Value {
    /// The text between the quotes: ASCII from 0x20 on, without quotes and backslashes.
    case string(UnsafeRawBufferPointer)
    /// The text between the quotes of any other string, with its escapes. ``FlatJSON/text(_:)`` reads it.
    case escaped(UnsafeRawBufferPointer)
    /// A whole number without sign, fraction or exponent.
    case unsigned(UInt64)
    /// The text of any other number. ``FlatJSON/integer(_:)`` reads it.
    case number(UnsafeRawBufferPointer)
    case boolean(Bool)
    /// The text of an object, with its braces.
    case object(UnsafeRawBufferPointer)
    case array
    case null
  }

  /// The most levels that a text may nest, the object itself included.
  package static let depthLimit = 256

  /// Hands each member of the object to `member`, which answers whether it can go on.
  /// - Returns: Whether the whole text was one object and every member was taken.
  @inline(__always)
  package static func scan(
    _ text: UnsafeRawBufferPointer, _ member: (_ key: UnsafeRawBufferPointer, _ value: Value) -> Bool
  ) -> Bool {
    var cursor = JSONCursor(text: text)
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
      guard let value = cursor.value(), withText(key, { member($0, value) }) == true else { return false }
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

  /// Fills `place` unless a member of that name did before.
  /// - Returns: Whether the place has a value: whether this was what is expected of such a member.
  @inline(__always)
  package static func fill<Wanted>(_ place: inout Wanted?, _ value: @autoclosure () -> Wanted?) -> Bool {
    if place == nil { place = value() }
    return place != nil
  }

  /// Whether the value says that there is none.
  package static func isNull(_ value: Value) -> Bool {
    if case .null = value { true } else { false }
  }

  /// The value of a boolean; nil for every other value.
  package static func boolean(_ value: Value) -> Bool? {
    if case .boolean(let truth) = value { truth } else { nil }
  }

  /// The text of a string, or nil for another value and for escapes that are half a character.
  package static func text(_ value: Value) -> String? {
    withText(value) { String(decoding: $0, as: UTF8.self) }
  }

  /// Lends the UTF-8 of a string to `body`, copied only where it has escapes; nil for another value and for escapes
  /// that are half a character.
  @inline(__always)
  package static func withText<R>(_ value: Value, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
    switch value {
    case .string(let content): body(content)
    case .escaped(let content): withUnescaped(content, body)
    case .unsigned, .number, .boolean, .object, .array, .null: nil
    }
  }

  /// The value of a number that is whole and fits, however it is written; nil for every other value.
  package static func integer<Integer: FixedWidthInteger>(
    _ value: Value, as type: Integer.Type = Integer.self
  ) -> Integer? {
    switch value {
    case .unsigned(let number): Integer(exactly: number)
    case .number(let text): JSONNumber.integer(text)
    case .string, .escaped, .boolean, .object, .array, .null: nil
    }
  }

  @inline(never)
  private static func withUnescaped<R>(
    _ content: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> R
  ) -> R? {
    withUnsafeTemporaryAllocation(byteCount: content.count, alignment: 1) { buffer in
      JSONString.unescape(content, to: buffer).map {
        body(UnsafeRawBufferPointer(rebasing: buffer[..<$0]))
      }
    }
  }
}
