import Testing

@testable import SecureChannel

@Suite("How deep JSON nests")
struct JSONDepthTests {
  private func exceeds(_ limit: Int, _ text: String) -> Bool {
    Array(text.utf8).withUnsafeBytes { JSONDepth.exceeds(limit, in: $0) }
  }

  @Test("objects and arrays count, strings do not")
  func known() {
    #expect(!exceeds(0, "") && !exceeds(0, "1") && exceeds(0, "{}"))
    #expect(!exceeds(1, "{}") && !exceeds(1, "[][][]") && exceeds(1, "[[") && exceeds(1, "{\"a\":["))
    #expect(!exceeds(2, "[{},{},[],{\"a\":1}]") && exceeds(2, "[{},[[]]]"))
    #expect(!exceeds(1, #"["[[[[", "{{{{"]"#))
    #expect(!exceeds(1, #"["\"[[[[", "\\\"[[[["]"#))
    #expect(exceeds(1, #"["\\",["#) && exceeds(1, #"["\\\"",["#) && !exceeds(1, #"["\\\",["#))
  }

  @Test("a limit is met exactly", arguments: [1, 2, 255, 256, 257])
  func exact(depth: Int) {
    let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect(!exceeds(depth, text) && exceeds(depth - 1, text))
  }
}
