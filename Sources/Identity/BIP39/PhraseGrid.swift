/// The words of a phrase with their numbers, in rows: six rows of four where there is room, otherwise more rows of
/// fewer.
package struct PhraseGrid {
  private let words: [String]

  package init(words: [String]) { self.words = words }

  /// The rows for a number of columns of text; one word a row where there is hardly any room.
  package func lines(columns: Int) -> [String] {
    let cell = 4 + (words.map(\.count).max() ?? 0)
    let perRow = [4, 3, 2].first { 2 + $0 * (cell + 2) <= columns } ?? 1
    return stride(from: 0, to: words.count, by: perRow).map { first in
      let row = (first..<min(first + perRow, words.count)).map { index in
        let entry = (index < 9 ? " " : "") + "\(index + 1). " + words[index]
        let isLast = index == first + perRow - 1
        return isLast ? entry : entry + String(repeating: " ", count: cell + 2 - entry.count)
      }
      return (perRow == 1 ? "" : "  ") + row.joined()
    }
  }
}
