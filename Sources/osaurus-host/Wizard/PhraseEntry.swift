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
    let line = try screen.ask("Word \(draft.position): ", remark: remark, complete: Self.completed) {
      columns in
      // A plain screen completes nothing and has said the words already.
      let help =
        screen.isPlain ? "A < takes the last word back." : "Tab completes a word, < takes the last one back."
      let heading = WrappedText.lines(
        ["YOUR 24 WORDS", help] + (screen.isPlain ? [IdentityExplanation.plainWarning] : []), columns: columns
      )
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
    var remark = ""
    while true {
      let words = draft.words
      let line = try screen.ask("Change: ", remark: remark) { columns in
        WrappedText.lines(
          [
            "THE WORDS DO NOT BELONG TOGETHER", "At least one of them is wrong, or in another one's place.",
            """
            Compare with what you have written down. Type a number and its word, such as: 3 cook. A number alone lists \
            the words that would be right there. A minus starts anew.
            """,
          ], columns: columns) + [""] + Self.likely(corrections, words: words, columns: columns)
      }
      let parts = line.split(whereSeparator: \.isWhitespace)
      if parts == ["-"] {
        draft = PhraseDraft()
        return "From the first word on, then."
      }
      guard let first = parts.first, let position = Int(first), (1...Mnemonic.wordCount).contains(position),
        parts.count <= 2
      else {
        remark = "That is no number and word."
        continue
      }
      guard parts.count == 2 else {
        remark = Self.fitting(position, among: corrections)
        continue
      }
      do {
        var one = PhraseDraft()
        try one.add(parts[1])
        guard let word = one.words.first else {
          remark = "That is no number and word."
          continue
        }
        draft.replace(position, with: word)
        return ""
      } catch {
        remark = Self.words(error, at: position)
      }
    }
  }

  /// The changes to a similar word that make a phrase right.
  private static func likely(
    _ corrections: [PhraseCorrection], words: [String], columns: Int
  ) -> [String] {
    let likely = corrections.filter(\.isLikely)
    guard !likely.isEmpty else {
      return WrappedText.lines(["No change of one word to a similar one makes them right."], columns: columns)
    }
    let shown = likely.prefix(shownCorrections).flatMap { correction in
      WrappedText.lines(
        ["word \(correction.position): \(correction.word) instead of \(words[correction.position - 1])"],
        columns: columns)
    }
    let more = likely.count - shownCorrections
    return WrappedText.lines(["One change makes them right, if it is one of these:"], columns: columns)
      + shown
      + (more > 0 ? ["and \(more) more"] : [])
  }

  /// The words that alone at a place make a phrase right.
  private static func fitting(_ position: Int, among corrections: [PhraseCorrection]) -> String {
    let words = corrections.filter { $0.position == position }.map(\.word).sorted()
    guard !words.isEmpty else { return "No other word \(position) makes them right." }
    return "Right as word \(position), if it is the only wrong one: \(words.joined(separator: ", "))."
  }

  /// The line with its last word completed.
  static func completed(_ line: String) -> String? {
    guard let last = line.split(separator: " ", omittingEmptySubsequences: false).last, !last.isEmpty,
      let word = EnglishWords.completion(of: last), word.count > last.count
    else { return nil }
    return line.dropLast(last.count) + word
  }

  /// - Parameter place: where the word is to go, if it is not the next one.
  static func words(_ problem: PhraseDraft.Problem, at place: Int? = nil) -> String {
    switch problem {
    case .unknownWord(let word, let position, let suggestions):
      "Word \(place ?? position), '\(Terminal.harmless(word))', is not on the list."
        + (suggestions.isEmpty ? "" : " Perhaps: \(suggestions.joined(separator: ", ")).")
    case .tooManyWords: "There are more than 24 words; the ones after them were left out."
    }
  }
}
