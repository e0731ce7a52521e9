import Foundation

/// Lines on standard output that are drawn again in their place when they change; on a terminal that cannot do that,
/// they are written once more.
struct LiveLines {
  private var drawn: [String] = []

  /// Shows as many of the lines as the terminal has room for.
  mutating func show(_ lines: [String]) {
    let lines = Array(lines.prefix(max(Terminal.size.rows - 1, 1)))
    guard lines != drawn else { return }
    defer { drawn = lines }
    guard Terminal.isDecorated() else {
      Terminal.stream(lines.joined(separator: "\n") + "\n")
      return
    }
    let up = drawn.isEmpty ? "" : "\u{1b}[\(drawn.count)A"
    // Longer lines are cut by the terminal, which knows how wide a character is.
    Terminal.stream("\(up)\r\u{1b}[J\u{1b}[?7l\(lines.joined(separator: "\n"))\u{1b}[?7h\n")
  }
}
