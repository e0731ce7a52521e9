/// What is known of one thing, a line each: names in a column, values beside them. What is not known is left out.
struct Facts {
  private let title: String
  private var facts: [(name: String, value: String)] = []

  init(title: String) { self.title = title }

  mutating func add(_ name: String, _ value: String?) {
    if let value, !value.isEmpty { facts.append((name, Terminal.harmless(value))) }
  }

  /// The lines to print. A value of several lines goes on below where it began.
  var lines: [String] {
    let width = facts.map(\.name.count).max() ?? 0
    let indent = "\n" + String(repeating: " ", count: width + 4)
    return [Terminal.bold(Terminal.harmless(title))]
      + facts.map { name, value in
        let padding = String(repeating: " ", count: width - name.count + 2)
        return "  \(Terminal.dim(name))\(padding)\(value.replacing("\n", with: indent))"
      }
  }

  func show() { for line in lines { Terminal.say(line) } }
}
