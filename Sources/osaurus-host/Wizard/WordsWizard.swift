import Foundation
import Identity

/// Shows the 24 words, and believes that they were written down when three of them come back.
struct WordsWizard {
  let screen: TerminalScreen
  let words: [String]

  /// Shows the words, numbered.
  func show(next: String) throws {
    let notice = screen.isPlain ? [IdentityExplanation.plainWarning] : []
    try screen.present(next: next) { columns in
      // One on each line is what a screen reader reads best.
      let grid = PhraseGrid(words: words).lines(columns: screen.isPlain ? 0 : columns)
      return WrappedText.lines(["YOUR 24 WORDS"] + notice, columns: columns) + [""] + grid
    }
  }

  /// Asks for three words until they are right. A question mark shows all of them again, and three others are asked for.
  func confirm() throws {
    var random = SystemRandomNumberGenerator()
    var quiz = PhraseQuiz(using: &random)
    var remark = "Please type the words at these places, from what you have written down."
    while let position = quiz.position {
      let answer = try screen.ask("Word \(position): ") { columns in
        WrappedText.lines(
          ["THREE OF YOUR WORDS  (\(quiz.step) of 3)", remark, "?  shows the words again."], columns: columns)
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
