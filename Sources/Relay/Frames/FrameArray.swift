import Identity

/// The elements of an array that is a member of an object, where they lie. The text has to be well-formed, as `FrameMembers`
/// sees to it; so nothing here can meet an end that does not come.
enum FrameArray {
  /// Hands each element's text to `element`, which answers whether it can go on.
  /// - Returns: False where the object has no such member, or it is no array, or an element was not taken.
  static func elements(
    of name: FrameMembers.Name, in object: UnsafeRawBufferPointer,
    _ element: (UnsafeRawBufferPointer) -> Bool
  ) -> Bool {
    var index = 0
    guard find(name.rawValue, in: object, &index), object[index] == UInt8(ascii: "[") else { return false }
    index += 1
    while true {
      skipSpace(object, &index)
      if object[index] == UInt8(ascii: "]") { return true }
      let start = index
      skipValue(object, &index)
      guard element(UnsafeRawBufferPointer(rebasing: object[start..<index])) else { return false }
      skipSpace(object, &index)
      if object[index] == UInt8(ascii: ",") { index += 1 }
    }
  }

  /// Goes to the value of a member.
  private static func find(_ name: String, in object: UnsafeRawBufferPointer, _ index: inout Int) -> Bool {
    let quoted = Array("\"\(name)\"".utf8)
    skipSpace(object, &index)
    index += 1
    while true {
      skipSpace(object, &index)
      if object[index] == UInt8(ascii: "}") { return false }
      let start = index
      skipString(object, &index)
      let isWanted = object[start..<index].elementsEqual(quoted)
      skipSpace(object, &index)
      index += 1
      skipSpace(object, &index)
      if isWanted { return true }
      skipValue(object, &index)
      skipSpace(object, &index)
      if object[index] == UInt8(ascii: ",") { index += 1 }
    }
  }

  private static func skipSpace(_ text: UnsafeRawBufferPointer, _ index: inout Int) {
    while text[index] == 0x20 || text[index] == 0x09 || text[index] == 0x0a || text[index] == 0x0d {
      index += 1
    }
  }

  private static func skipString(_ text: UnsafeRawBufferPointer, _ index: inout Int) {
    index += 1
    while text[index] != UInt8(ascii: "\"") { index += text[index] == UInt8(ascii: "\\") ? 2 : 1 }
    index += 1
  }

  private static func skipValue(_ text: UnsafeRawBufferPointer, _ index: inout Int) {
    var depth = 0
    repeat {
      switch text[index] {
      case UInt8(ascii: "\""): skipString(text, &index)
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        index += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        index += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0a, 0x0d: index += 1
      default:
        // A number or a word goes on to what cannot be part of it.
        while !isEnd(text[index]) { index += 1 }
      }
    } while depth > 0
  }

  private static func isEnd(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), 0x20, 0x09, 0x0a, 0x0d: true
    default: false
    }
  }
}
