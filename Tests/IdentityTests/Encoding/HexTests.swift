import Testing

@testable import Identity

@Suite("Hexadecimal text")
struct HexTests {
  @Test("every byte makes the way to text and back")
  func everyByte() {
    let bytes = (0...255).map { UInt8($0) }
    let text = Hex.string(bytes)
    #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff"))
    #expect(Hex.decode(text) == bytes)
    #expect(Hex.decode(text.uppercased()) == bytes)
    #expect(Hex.encode(bytes) == Array(text.utf8))
  }

  @Test("the empty text is no bytes")
  func empty() {
    #expect(Hex.decode("") == [])
    #expect(Hex.string([]) == "")
  }

  @Test(
    "anything but an even number of ASCII digits is refused",
    arguments: [
      "0", "abc", "0x00", "g0", "0g", " 00", "00 ", "0:", "0/", "0@", "0`", "００", "ａａ", "0\u{0}", "é",
    ])
  func refused(text: String) {
    #expect(Hex.decode(text) == nil)
  }
}
