import Foundation

/// What a person typed, as a query of FTS5: nothing of it is syntax.
struct FullTextQuery: Hashable, Sendable {
  /// The most words of a question that are looked for.
  static let mostWords = 32
  /// How many characters of a question are looked at.
  static let longestText = 4096

  /// The words, without those that occur twice.
  let words: [String]

  /// Takes the words out of a text: runs of letters, marks and digits; nil where there are none.
  init?(_ text: String) {
    var seen: Set<String> = []
    let words = Self.beginning(of: text).split(whereSeparator: Self.isBetweenWords)
      .map { $0.lowercased() }.filter { seen.insert($0).inserted }
    guard !words.isEmpty else { return nil }
    self.words = Array(words.prefix(Self.mostWords))
  }

  /// As much of a text as is looked at, without the beginning of a word that goes on behind it.
  private static func beginning(of text: String) -> Substring {
    let beginning = text.prefix(longestText)
    guard beginning.endIndex < text.endIndex, !isBetweenWords(text[beginning.endIndex]) else {
      return beginning
    }
    return beginning.lastIndex(where: isBetweenWords).map { beginning[..<$0] } ?? ""
  }

  private static func isBetweenWords(_ character: Character) -> Bool {
    !character.isLetter && !character.isNumber
  }

  /// Rows with all of the words.
  var all: String { words.map(Self.quoted).joined(separator: " AND ") }

  static func quoted(_ word: String) -> String { "\"\(word.replacing("\"", with: "\"\""))\"" }
}
