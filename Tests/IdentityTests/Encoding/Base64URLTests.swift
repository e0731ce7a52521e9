import Foundation
import Testing

@testable import Identity

@Suite("Base64 in the URL-safe alphabet")
struct Base64URLTests {
  // RFC 4648, section 10, without the padding.
  @Test(
    "the vectors of RFC 4648 come out",
    arguments: [
      ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
      ("foobar", "Zm9vYmFy"),
    ])
  func published(bytes: String, text: String) {
    #expect(Base64URL.string(Array(bytes.utf8)) == text)
    #expect(Base64URL.decode(text) == Array(bytes.utf8))
  }

  @Test("random bytes of every length give what Foundation gives, in either alphabet, padded or not")
  func foundation() throws {
    var generator = SeededGenerator(seed: 5)
    for length in Array(0...200) + [1000, 4096, 16385, 100_000] {
      let bytes = generator.bytes(length)
      let standard = Data(bytes).base64EncodedString()
      let unpadded = standard.replacing("=", with: "")
      let urlSafe = unpadded.replacing("+", with: "-").replacing("/", with: "_")
      #expect(Base64URL.string(bytes) == urlSafe)
      #expect(Base64URL.encodedCount(length) == urlSafe.utf8.count)
      for text in [standard, unpadded, urlSafe] { #expect(Base64URL.decode(text) == bytes) }
    }
  }

  @Test("text with a changed character is taken only where Foundation takes it, for the same bytes")
  func changed() throws {
    var generator = SeededGenerator(seed: 6)
    let alphabet = Array("ABCabc019+/-_==\n .\u{0}é".utf8) + [0x80, 0xff]
    for _ in 0..<3000 {
      var text = Base64URL.string(generator.bytes(Int.random(in: 0...40, using: &generator))).utf8.map(\.self)
      for _ in 0..<Int.random(in: 0...2, using: &generator) where !text.isEmpty {
        text[Int.random(in: 0..<text.count, using: &generator)] = alphabet.randomElement(using: &generator)!
      }
      let ours = text.withUnsafeBytes { Base64URL.decode($0) }
      let theirs = Self.reference(text)
      if let ours {
        #expect(theirs == ours)
      } else if let theirs {
        // Only bits left over in the last character, or half of the padding, are refused beyond Foundation.
        #expect(Base64URL.string(theirs).utf8.map(\.self) != text)
      }
    }
  }

  /// The decoder of the protocol: the alphabet mapped, the padding completed, and Foundation's strict decoder.
  private static func reference(_ text: [UInt8]) -> [UInt8]? {
    var standard = text.map { $0 == 0x2d ? 0x2b : $0 == 0x5f ? 0x2f : $0 }
    while standard.count % 4 != 0 { standard.append(0x3d) }
    guard text.count % 4 != 1 else { return nil }
    return Data(base64Encoded: Data(standard)).map { [UInt8]($0) }
  }

  @Test(
    "text that is no base64 is refused",
    arguments: [
      "A", "AAAAA", "A=", "=", "==", "====", "A===", "AA=", "AAA==", "AA==AA==", "AA==A", "AAAA=", "AAAA====",
      "A A",
      "AAA ", " AAA", "AA\nA", "AAA\n", "A*AA", "AAAé", "AAA.", "Zh", "Zm9", "AAAAAAAAAAAAAAAAAAA*",
      "*AAAAAAAAAAAAAAAAAAA",
      "AAAAAAAAAA\u{0}AAAAAAAAA", "ＡＡＡＡ",
    ])
  func refused(text: String) {
    #expect(Base64URL.decode(text) == nil)
  }

  @Test("each character outside both alphabets is refused at each place of a long text")
  func everyCharacter() {
    let good = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/".utf8)
    for character in UInt8.min...UInt8.max where character != UInt8(ascii: "=") {
      for place in [0, 7, 15, 16, 31, 40, 63] {
        var text = [UInt8](repeating: UInt8(ascii: "A"), count: 64)
        text[place] = character
        let bytes = text.withUnsafeBytes { Base64URL.decode($0) }
        #expect((bytes != nil) == good.contains(character))
      }
    }
  }

  @Test("decoding into too small a buffer is refused and writes nothing beyond it")
  func smallBuffer() {
    let text = Array("Zm9vYmFyZm9vYmFyZm9vYmFy".utf8)
    var output = [UInt8](repeating: 0xee, count: 24)
    let isRefused = output.withUnsafeMutableBytes { output in
      text.withUnsafeBytes {
        !Base64URL.decode($0, to: UnsafeMutableRawBufferPointer(rebasing: output[..<17]))
      }
    }
    #expect(isRefused)
    let isTaken = output.withUnsafeMutableBytes { output in
      text.withUnsafeBytes {
        Base64URL.decode($0, to: UnsafeMutableRawBufferPointer(rebasing: output[..<18]))
      }
    }
    #expect(isTaken)
    #expect(Array(output[..<18]) == Array("foobarfoobarfoobar".utf8))
    #expect(Array(output[18...]) == [UInt8](repeating: 0xee, count: 6))
  }

  @Test("in every length a text is read whole or, with one stray character anywhere, not at all")
  func everyLengthAndPlace() {
    for count in 0...200 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 89 &+ count) }
      let text = bytes.withUnsafeBytes { Base64URL.encode($0) }
      #expect(text.withUnsafeBytes { Base64URL.decode($0) } == bytes, "\(count) bytes")
    }
    let good = (0..<150).map { UInt8($0) }.withUnsafeBytes { Base64URL.encode($0) }
    let strangers: [UInt8] = [0, 32, 42, 44, 46, 58, 64, 91, 94, 96, 123, 127, 128, 173, 255]
    for place in good.indices {
      for stranger in strangers {
        var text = good
        text[place] = stranger
        #expect(text.withUnsafeBytes { Base64URL.decode($0) } == nil, "\(stranger) at \(place)")
      }
    }
  }
}
