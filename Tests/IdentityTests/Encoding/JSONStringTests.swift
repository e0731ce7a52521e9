import Foundation
import Testing

@testable import Identity

@Suite("Writing JSON strings")
struct JSONStringTests {
  private static func written(_ text: String, escapingSlashes: Bool = false) -> String {
    var bytes: [UInt8] = []
    JSONString.append(text, escapingSlashes: escapingSlashes, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("short escapes where there are any, lowercase digits for the other controls, all else as it is")
  func known() {
    #expect(Self.written("") == "\"\"")
    #expect(Self.written("\u{8}\u{c}\n\r\t\"\\") == #""\b\f\n\r\t\"\\""#)
    #expect(Self.written("\u{0}\u{b}\u{1b}\u{1f}") == #""\u0000\u000b\u001b\u001f""#)
    #expect(Self.written("a/b\u{7f}\u{2028}é😀e\u{301}") == "\"a/b\u{7f}\u{2028}é😀e\u{301}\"")
    #expect(Self.written("/a//", escapingSlashes: true) == #""\/a\/\/""#)
  }

  @Test("it is byte for byte what Foundation writes", arguments: [false, true])
  func asFoundation(escapingSlashes: Bool) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = escapingSlashes ? [] : .withoutEscapingSlashes
    let pieces =
      (0..<0x80).map { String(UnicodeScalar(UInt8($0))) } + ["é", "e\u{301}", "😀", "\u{2029}", "\u{ffff}"]
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<500 {
      let text = (0..<Int.random(in: 0...20, using: &generator))
        .map { _ in pieces.randomElement(using: &generator)! }.joined()
      let reference = String(decoding: try encoder.encode(text), as: UTF8.self)
      #expect(Self.written(text, escapingSlashes: escapingSlashes).utf8.elementsEqual(reference.utf8))
    }
  }
}
