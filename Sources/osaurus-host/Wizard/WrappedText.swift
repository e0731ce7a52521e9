/// Paragraphs as lines that fit.
enum WrappedText {
  /// Text is easier to read in lines that are not too long.
  private static let longest = 78

  /// The lines of paragraphs with an empty line between any two. Words are kept whole as long as they fit.
  static func lines(_ paragraphs: [String], columns: Int) -> [String] {
    let width = max(8, min(columns - 1, longest))
    return paragraphs.map { paragraph in
      var lines: [String] = []
      var line = ""
      for word in paragraph.split(separator: " ").flatMap({ pieces(String($0), columns: width) }) {
        if !line.isEmpty, line.count + 1 + word.count > width {
          lines.append(line)
          line = ""
        }
        line += line.isEmpty ? word : " " + word
      }
      return lines + [line]
    }.reduce(into: []) { all, lines in all += all.isEmpty ? lines : [""] + lines }
  }

  /// A text cut wherever a line is full.
  static func pieces(_ text: String, columns: Int) -> [String] {
    let width = max(8, columns)
    var pieces: [String] = []
    var rest = text[...]
    repeat {
      pieces.append(String(rest.prefix(width)))
      rest = rest.dropFirst(width)
    } while !rest.isEmpty
    return pieces
  }
}
