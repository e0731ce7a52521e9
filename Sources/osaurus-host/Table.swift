/// Rows under headings, columns padded to their widest cell. On a terminal that is too narrow for that, each row becomes
/// a block of its own, with the headings at its side.
struct Table {
  private let headings: [String]
  private var rows: [[String]] = []

  init(_ headings: String...) { self.headings = headings }

  mutating func add(_ cells: String...) { rows.append(cells.map { Terminal.harmless($0) }) }

  /// The lines to print, without trailing spaces.
  var lines: [String] {
    [Terminal.dim(line(headings))] + rows.map(line)
  }

  /// The lines to print where a line has `columns` characters.
  func lines(within columns: Int) -> [String] {
    guard let widest = ([headings] + rows).map({ line($0).count }).max(), widest > columns else {
      return lines
    }
    let margin = headings.dropFirst().map(\.count).max() ?? 0
    return rows.flatMap { row in
      [Terminal.bold(row[0])]
        + zip(headings, row).dropFirst().filter { !$1.isEmpty }.map { heading, cell in
          let padding = String(repeating: " ", count: margin - heading.count + 2)
          return "  \(Terminal.dim(heading.lowercased()))\(padding)\(cell)"
        }
    }
  }

  private func line(_ cells: [String]) -> String {
    var text = ""
    for (column, cell) in cells.enumerated() {
      text += cell
      if column < cells.count - 1 { text += String(repeating: " ", count: width(column) - cell.count + 2) }
    }
    while text.last == " " { text.removeLast() }
    return text
  }

  private func width(_ column: Int) -> Int { ([headings] + rows).map { $0[column].count }.max() ?? 0 }

  func show() {
    for line in Terminal.columns.map(lines(within:)) ?? lines { Terminal.say(line) }
  }
}
