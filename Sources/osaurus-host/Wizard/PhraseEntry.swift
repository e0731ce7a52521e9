import Foundation
import Identity

/// Has 24 words typed, one at a time with completion, or pasted, until they belong together.
struct PhraseEntry {
  /// How many likely corrections are shown.
  private static let shownCorrections = 8

  let screen: TerminalScreen

  /// - Throws: `TerminalScreen.Interrupted`.
  func read() throws -> MasterKey {
    var draft = PhraseDraft()
    var remark =
      "Type the words one after the other, or paste all of them. Four letters of a word are enough."
    while true {
      while !draft.isComplete { remark = try add(to: &draft, remark) }
      do {
        return try draft.masterKey()
      } catch {
        guard error == .phraseChecksum else { throw error }
      }
      remark = try mend(&draft)
    }
  }

  /// Takes one line. Gives what there is to say about it.
  private func add(to draft: inout PhraseDraft, _ remark: String) throws -> String {
    let line = try screen.ask("Word \(draft.position): ", complete: Self.completed) { columns in
      let heading = WrappedText.lines(
        ["YOUR 24 WORDS", remark, "Tab completes a word, < takes the last one back."], columns: columns)
      // A screen reader has heard them already.
      return heading + (screen.isPlain ? [] : [""] + PhraseGrid(words: draft.words).lines(columns: columns))
    }
    if line.trimmingCharacters(in: .whitespaces) == "<" {
      draft.removeLast()
      return "Word \(draft.position) again."
    }
    do {
      try draft.add(line)
      return "\(draft.words.count) of \(Mnemonic.wordCount) words."
    } catch {
      return Self.words(error)
    }
  }

  /// Says which words would make it right and changes one, or starts anew.
  private func mend(_ draft: inout PhraseDraft) throws -> String {
    let corrections = PhraseCorrection.all(for: draft.words)
    let likely = corrections.filter(\.isLikely).prefix(Self.shownCorrections)
    let words = draft.words
    let shown = likely.map { "  word \($0.position):  \($0.word)  instead of  \(words[$0.position - 1])" }
    var remark = ""
    while true {
      let line = try screen.ask("Change: ") { columns in
        WrappedText.lines(
          ["THE WORDS DO NOT BELONG TOGETHER", "At least one of them is wrong, or in another one's place."],
          columns: columns) + [""]
          + (shown.isEmpty
            ? WrappedText.lines(["No change of one similar word makes them right."], columns: columns)
            : WrappedText.lines(["One change makes them right, if it is one of these:"], columns: columns)
              + shown)
          + [""]
          + WrappedText.lines(
            [
              "Compare with what you have written down. Type a number and its word, such as: 3 cook.",
              "A minus starts anew.", remark,
            ].filter { !$0.isEmpty }, columns: columns)
      }
      let parts = line.split(whereSeparator: \.isWhitespace)
      if parts == ["-"] {
        draft = PhraseDraft()
        return "From the first word on, then."
      }
      var one = PhraseDraft()
      if parts.count == 2, let position = Int(parts[0]), (1...Mnemonic.wordCount).contains(position) {
        do {
          try one.add(parts[1])
          if let word = one.words.first {
            draft.replace(position, with: word)
            return ""
          }
        } catch {
          remark = Self.words(error)
          continue
        }
      }
      remark = "That is no number and word."
    }
  }

  /// The line with its last word completed.
  static func completed(_ line: String) -> String? {
    guard let last = line.split(separator: " ", omittingEmptySubsequences: false).last, !last.isEmpty,
      let word = EnglishWords.completion(of: last), word.count > last.count
    else { return nil }
    return line.dropLast(last.count) + word
  }

  static func words(_ problem: PhraseDraft.Problem) -> String {
    switch problem {
    case .unknownWord(let word, let position, let suggestions):
      "Word \(position), '\(Terminal.harmless(word))', is not on the list."
        + (suggestions.isEmpty ? "" : " Perhaps: \(suggestions.joined(separator: ", ")).")
    case .tooManyWords: "There are more than 24 words; the ones after them were left out."
    }
  }
}
