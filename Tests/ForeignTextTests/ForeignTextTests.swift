import ForeignText
import Testing

@Suite("Words from elsewhere")
struct ForeignTextTests {
  @Test("they are shown as one bounded line, without what a terminal would obey")
  func oneLine() {
    #expect(ForeignText.oneLine("a\u{1b}[31m\r\n b\t\tc\u{202e}\u{2028}d") == "a [31m b c d")
    #expect(ForeignText.oneLine(String(repeating: "x", count: 9000)).count == 501)
    #expect(ForeignText.oneLine("äöü".dropFirst(), limit: 1) == "ö…")
    #expect(ForeignText.oneLine("").isEmpty)
  }
}
