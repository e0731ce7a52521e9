/// Words from another machine, made fit to be shown to a person.
package enum ForeignText {
  /// One line, without control and invisible characters, of at most `limit` characters and an ellipsis.
  package static func oneLine(_ text: some StringProtocol, limit: Int = 500) -> String {
    let printable = text.unicodeScalars.prefix(limit * 4).map { scalar in
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: Character(" ")
      default: Character(scalar)
      }
    }
    let line = String(printable).split(separator: " ").joined(separator: " ")
    return line.count > limit ? line.prefix(limit) + "…" : line
  }
}
