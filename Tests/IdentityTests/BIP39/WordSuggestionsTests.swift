import Testing

@testable import Identity

@Suite("Help with words")
struct WordSuggestionsTests {
  @Test("four letters complete every word, fewer only where no other word begins with them")
  func completes() {
    for word in EnglishWords.all {
      if word.count > 4 { #expect(EnglishWords.completion(of: word.prefix(4)) == String(word)) }
      for length in 1...word.count {
        let prefix = word.prefix(length)
        let several = EnglishWords.all.count { $0.hasPrefix(prefix) } > 1
        #expect(EnglishWords.completion(of: prefix) == (several ? nil : String(word)))
      }
    }
    #expect(EnglishWords.completion(of: "ABSO") == "absorb")
    for none in ["", " ", "x", "zoz", "absorbs", String(repeating: "a", count: 10_000)] {
      #expect(EnglishWords.completion(of: none) == nil)
    }
  }

  @Test(
    "a misspelt word gets the nearest ones, the likeliest first",
    arguments: [
      ("abandn", "abandon"), ("abandonn", "abandon"), ("abadnon", "abandon"), ("Abamdon", "abandon"),
      ("recieve", "receive"), ("zooo", "zoo"), ("tobaco", "tobacco"), ("lundry", "laundry"),
      ("galxay", "galaxy"),
    ])
  func suggests(written: String, meant: String) {
    let suggestions = EnglishWords.suggestions(for: written)
    #expect(suggestions.first == meant)
    #expect(suggestions.count <= 3)
  }

  @Test(
    "what resembles no word gets no suggestion",
    arguments: ["", "qqqqqq", "xx", "äöü", "supercalifragilistic"])
  func suggestsNothing(written: String) {
    #expect(EnglishWords.suggestions(for: written).isEmpty)
  }

  @Test(
    "mistakes are counted",
    arguments: [
      ("", "", 0), ("a", "", 1), ("act", "cat", 1), ("cat", "cut", 1), ("cat", "coat", 1), ("cat", "tac", 2),
      ("ca", "abc", 3), ("kitten", "sitting", 3),
    ])
  func distances(left: String, right: String, distance: Int) {
    #expect(EnglishWords.distance(Array(left.utf8), Array(right.utf8)) == distance)
    #expect(EnglishWords.distance(Array(right.utf8), Array(left.utf8)) == distance)
  }
}
