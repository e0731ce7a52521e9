import Foundation

/// What a person typed, as a query of FTS5: nothing of it is syntax.
struct FullTextQuery: Hashable, Sendable {
  /// The most words of a question that are looked for.
  static let mostWords = 32

  /// The words, without those that occur twice.
  let words: [String]

  /// Takes the words out of a text: runs of letters, marks and digits; nil where there are none.
  init?(_ text: String) {
    var seen: Set<String> = []
    let words = text.prefix(4096).split { !$0.isLetter && !$0.isNumber }
      .map { $0.lowercased() }.filter { seen.insert($0).inserted }
    guard !words.isEmpty else { return nil }
    self.words = Array(words.prefix(Self.mostWords))
  }

  /// Rows with all of the words.
  var all: String { words.map(Self.quoted).joined(separator: " AND ") }

  static func quoted(_ word: String) -> String { "\"\(word.replacing("\"", with: "\"\""))\"" }
}
