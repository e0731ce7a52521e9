/// Text that somebody else chose, made fit to be shown to a person who decides about it: nothing is left out, and nothing acts.
public enum VisibleText {
  /// Control and invisible characters, and all that change the direction of others, as `\u{1b}`; a newline and a tab as `\n` and `\t`.
  public static func escaped(_ text: String) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
        let words =
          switch scalar {
          case "\n": "\\n"
          case "\t": "\\t"
          default: "\\u{\(String(scalar.value, radix: 16))}"
          }
        shown.append(contentsOf: words.unicodeScalars)
      case .spaceSeparator where scalar != " ":
        shown.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      default: shown.append(scalar)
      }
    }
    return String(shown)
  }

  /// The lines of a text, each escaped.
  public static func lines(_ text: String) -> [String] {
    // Bytes, as a newline after a carriage return is not a character of its own.
    text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
      escaped(String(decoding: $0, as: UTF8.self))
    }
  }
}
