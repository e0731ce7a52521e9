import Testing

@testable import Identity

@Suite("Questions about a phrase")
struct PhraseQuizTests {
  private static let words = (0..<24).map { EnglishWords.word($0 * 80) }

  /// A generator whose numbers are known.
  private struct Counting: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state
    }
  }

  @Test("three different places are asked for, and every place is, in time")
  func places() {
    var random = Counting(state: 1)
    var seen: Set<Int> = []
    for _ in 0..<400 {
      let quiz = PhraseQuiz(using: &random)
      #expect(Set(quiz.positions).count == 3)
      seen.formUnion(quiz.positions)
    }
    #expect(seen == Set(1...24))
  }

  @Test("only the word at the place that is asked for goes on to the next")
  func answers() {
    var random = Counting(state: 2)
    var quiz = PhraseQuiz(using: &random)
    for (step, position) in quiz.positions.enumerated() {
      #expect(quiz.position == position)
      #expect(quiz.step == step + 1)
      let word = Self.words[position - 1]
      for wrong in [
        "", " ", "abandonn", Self.words[position % 24], String(word.dropLast()), word + " " + word,
      ] {
        let isBelieved = quiz.answer(wrong, words: Self.words)
        #expect(!isBelieved)
      }
      #expect(quiz.position == position)
      let isRight = quiz.answer("  \(word.uppercased())\t", words: Self.words)
      #expect(isRight)
    }
    #expect(quiz.position == nil)
    #expect(quiz.step == 3)
    let isAsked = quiz.answer(Self.words[0], words: Self.words)
    #expect(!isAsked)
  }

  @Test(
    "six rows of four where there is room, fewer words a row where there is less",
    arguments: [
      (100, 6), (58, 6), (57, 8), (44, 8), (43, 12), (30, 12), (29, 24), (0, 24),
    ])
  func grid(columns: Int, rows: Int) {
    var words = Self.words
    words[7] = "zzzzzzzz"
    let lines = PhraseGrid(words: words).lines(columns: columns)
    #expect(lines.count == rows)
    #expect(lines.allSatisfy { columns == 0 || $0.count <= columns })
    let entries = lines.flatMap { $0.split(separator: " ") }
    #expect(entries == words.enumerated().flatMap { ["\($0 + 1).", Substring($1)] })
    // The numbers stand below each other.
    let dots = Set(
      lines.map { line in line.firstIndex(of: ".").map { line.distance(from: line.startIndex, to: $0) } })
    #expect(dots.count == 1)
  }
}
