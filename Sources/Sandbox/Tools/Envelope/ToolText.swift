/// A text that is too long for a model: its beginning and its end, and between them how much is missing.
enum ToolText {
  /// The most characters of each kind of text.
  enum Limit {
    static let standardOutput = 50_000
    static let standardError = 10_000
    static let file = 15_000
    static let search = 12_000
    static let any = 100_000
  }

  static func capped(_ text: String, at limit: Int, hint: String) -> (text: String, isCut: Bool) {
    // Most texts are short, and counting characters takes its time.
    guard text.utf8.count > limit else { return (text, false) }
    let count = text.count
    guard count > limit else { return (text, false) }
    let head = limit * 2 / 3
    let tail = limit - head
    let marker = "\n... [TRUNCATED: \(count - limit) of \(count) chars omitted — \(hint)] ...\n"
    return ("\(text.prefix(head))\(marker)\(text.suffix(tail))", true)
  }
}
