/// Text that somebody else chose, made fit to be shown to a person who decides about it: nothing is left out, and nothing acts.
public enum VisibleText {
  /// Marks that one letter may bear; the languages that are written with marks need no more.
  private static let mostMarks = 3

  /// Control and invisible characters, all that change the direction of others, and marks piled on a letter, as `\u{1b}`; a newline and
  /// a tab as `\n` and `\t`.
  public static func escaped(_ text: String) -> String {
    var shown = String.UnicodeScalarView()
    var marks = 0
    for scalar in text.unicodeScalars {
      let category = scalar.properties.generalCategory
      marks = category == .nonspacingMark || category == .enclosingMark ? marks + 1 : 0
      guard marks > mostMarks || isUnseen(scalar, category) else {
        shown.append(scalar)
        continue
      }
      let words =
        switch scalar {
        case "\n": "\\n"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16))}"
        }
      shown.append(contentsOf: words.unicodeScalars)
    }
    return String(shown)
  }

  private static func isUnseen(_ scalar: Unicode.Scalar, _ category: Unicode.GeneralCategory) -> Bool {
    switch category {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: true
    case .spaceSeparator: scalar != " "
    // A cell of Braille without a dot is a space, too.
    default: scalar.properties.isDefaultIgnorableCodePoint || scalar == "\u{2800}"
    }
  }

  /// The lines of a text, each escaped.
  public static func lines(_ text: String) -> [String] {
    // Bytes, as a newline after a carriage return is not a character of its own.
    text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
      escaped(String(decoding: $0, as: UTF8.self))
    }
  }
}
