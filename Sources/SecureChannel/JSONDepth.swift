#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A look at how deep a JSON text nests, before a recursive decoder is given it.
public enum JSONDepth {
  /// Whether objects and arrays nest more than `limit` levels. The text need not be valid JSON.
  public static func exceeds(_ limit: Int, in text: UnsafeRawBufferPointer) -> Bool {
    var depth = 0
    var index = 0
    while index < text.count {
      switch text[index] {
      case UInt8(ascii: "\""):
        guard let end = endOfString(in: text, from: index + 1) else { return false }
        index = end
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        if depth > limit { return true }
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
      default: break
      }
      index += 1
    }
    return false
  }

  /// The index of the quote that ends the string whose text starts at `start`.
  private static func endOfString(in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
    guard let base = text.baseAddress else { return nil }
    var index = start
    while index < text.count, let quote = memchr(base + index, 0x22, text.count - index) {
      let end = base.distance(to: quote)
      var backslashes = 0
      while end - backslashes > start, text[end - backslashes - 1] == UInt8(ascii: "\\") { backslashes += 1 }
      if backslashes.isMultiple(of: 2) { return end }
      index = end + 1
    }
    return nil
  }
}
