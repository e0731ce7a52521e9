import Foundation
import Identity

/// Shows the 24 words, and believes that they were written down when three of them come back.
struct WordsWizard {
  let screen: TerminalScreen
  let words: [String]

  /// How many words a plain screen says at a time.
  private static let spoken = 4

  /// Shows the words, numbered.
  func show(next: String) throws {
    if screen.isPlain { return try say(next: next) }
    try screen.present(next: next) { columns in
      WrappedText.lines(["YOUR 24 WORDS"], columns: columns) + [""]
        + PhraseGrid(words: words).lines(columns: columns)
    }
  }

  /// Says the words, one on each line, and no more at a time than can be written down while they are read out. Words that
  /// sound alike are told apart by their letters.
  private func say(next: String) throws {
    var lines = WrappedText.lines(["YOUR 24 WORDS", IdentityExplanation.plainWarning], columns: 80) + [""]
    for first in stride(from: 0, to: words.count, by: Self.spoken) {
      let last = min(first + Self.spoken, words.count)
      lines += (first..<last).map { "\($0 + 1). \(words[$0])" }
      let onward = last == words.count ? next : "words \(last + 1) to \(min(last + Self.spoken, words.count))"
      while try screen.ask("[Enter: \(onward). s: spell these] ", isFresh: true, { _ in lines }).lowercased()
        == "s"
      {
        lines = (first..<last).map { "\($0 + 1). " + words[$0].map(String.init).joined(separator: " ") }
      }
      lines = []
    }
  }

  /// Asks for three words until they are right. A question mark shows all of them again, and three others are asked for.
  func confirm() throws {
    var random = SystemRandomNumberGenerator()
    var quiz = PhraseQuiz(using: &random)
    var remark = "Please type the words at these places, from what you have written down."
    while let position = quiz.position {
      let answer = try screen.ask("Word \(position): ", remark: remark) { columns in
        WrappedText.lines(
          ["THREE OF YOUR WORDS  (\(quiz.step) of 3)", "?  shows the words again."], columns: columns)
      }
      if answer.trimmingCharacters(in: .whitespaces) == "?" {
        try show(next: "they are written down")
        quiz = PhraseQuiz(using: &random)
        remark = "Three others, then."
      } else if quiz.answer(answer, words: words) {
        remark = "That is right."
      } else {
        remark = "That is not word \(position). Look at what you have written down and try again."
      }
    }
  }
}
