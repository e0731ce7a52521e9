/// Rows under headings, columns padded to their widest cell.
struct Table {
  private let headings: [String]
  private var rows: [[String]] = []

  init(_ headings: String...) { self.headings = headings }

  mutating func add(_ cells: String...) { rows.append(cells) }

  /// The lines to print, without trailing spaces.
  var lines: [String] {
    let widths = headings.indices.map { column in
      ([headings] + rows).map { $0[column].count }.max() ?? 0
    }
    func line(_ cells: [String]) -> String {
      var text = ""
      for (column, cell) in cells.enumerated() {
        text += cell
        if column < cells.count - 1 {
          text += String(repeating: " ", count: widths[column] - cell.count + 2)
        }
      }
      return text
    }
    return [Terminal.dim(line(headings))] + rows.map(line)
  }

  func show() { for line in lines { Terminal.say(line) } }
}
