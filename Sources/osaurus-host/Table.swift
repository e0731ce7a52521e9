/// Rows under headings, columns padded to their widest cell. On a terminal that is too narrow for that, each row becomes
/// a block of its own, with the headings at its side.
struct Table {
  private let headings: [String]
  private var rows: [[String]] = []

  init(_ headings: String...) { self.headings = headings }

  mutating func add(_ cells: String...) { rows.append(cells.map { Terminal.harmless($0) }) }

  /// The lines to print, without trailing spaces.
  var lines: [String] {
    let padded = padded
    return [Terminal.dim(padded[0])] + padded.dropFirst()
  }

  /// The lines to print where a line has `columns` characters.
  func lines(within columns: Int) -> [String] {
    guard let widest = padded.map(\.count).max(), widest > columns else { return lines }
    let margin = headings.dropFirst().map(\.count).max() ?? 0
    return rows.flatMap { row in
      [Terminal.bold(row[0])]
        + zip(headings, row).dropFirst().filter { !$1.isEmpty }.map { heading, cell in
          let padding = String(repeating: " ", count: margin - heading.count + 2)
          return "  \(Terminal.dim(heading.lowercased()))\(padding)\(cell)"
        }
    }
  }

  /// Headings and rows, each cell as wide as the widest of its column.
  private var padded: [String] {
    let all = [headings] + rows
    let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { cells in
      var text = ""
      for (column, cell) in cells.enumerated() {
        text += cell
        if column < cells.count - 1 {
          text += String(repeating: " ", count: widths[column] - cell.count + 2)
        }
      }
      while text.last == " " { text.removeLast() }
      return text
    }
  }

  func show() {
    for line in Terminal.columns.map(lines(within:)) ?? lines { Terminal.say(line) }
  }
}
