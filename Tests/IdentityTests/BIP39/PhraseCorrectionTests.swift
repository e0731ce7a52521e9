import Testing

@testable import Identity

@Suite("Corrections of a phrase")
struct PhraseCorrectionTests {
  private static let words =
    ("project entry cook mango pause vast purse network regular mushroom divide chuckle "
    + "river focus tobacco laundry galaxy tornado own online satisfy just wrap arctic")
    .split(separator: " ").map(String.init)

  private func isValid(_ words: [String]) -> Bool {
    (try? Mnemonic(parsing: words.joined(separator: " ")).withWords { _ in true }) ?? false
  }

  @Test(
    "the word that was meant is among the likely corrections, and each correction makes the phrase valid",
    arguments: [(3, "book"), (6, "vault"), (5, "cause"), (7, "nurse"), (22, "must"), (23, "trap")])
  func finds(position: Int, written: String) throws {
    var wrong = Self.words
    wrong[position - 1] = written
    try #require(EnglishWords.number(of: written) != nil && !isValid(wrong))
    let corrections = PhraseCorrection.all(for: wrong)
    #expect(
      corrections.filter(\.isLikely).contains {
        $0.position == position && $0.word == Self.words[position - 1]
      })
    #expect(corrections.map(\.distance) == corrections.map(\.distance).sorted())
    for correction in corrections {
      var mended = wrong
      mended[correction.position - 1] = correction.word
      #expect(isValid(mended))
    }
  }

  @Test("no correction is missing")
  func complete() {
    var wrong = Self.words
    wrong[2] = "zoo"
    let found = PhraseCorrection.all(for: wrong)
    for position in [1, 3, 24] {
      var mended = wrong
      let valid = EnglishWords.all.filter { word in
        mended[position - 1] = String(word)
        return isValid(mended)
      }
      #expect(Set(found.filter { $0.position == position }.map(\.word)) == Set(valid.map(String.init)))
    }
    #expect((100...300).contains(found.count))
  }

  @Test("a phrase that is valid, too short or of other words gets none")
  func none() {
    #expect(PhraseCorrection.all(for: Self.words).isEmpty)
    #expect(PhraseCorrection.all(for: Array(Self.words.dropLast())).isEmpty)
    #expect(PhraseCorrection.all(for: Self.words.dropLast() + ["arctica"]).isEmpty)
    #expect(PhraseCorrection.all(for: []).isEmpty)
  }
}
