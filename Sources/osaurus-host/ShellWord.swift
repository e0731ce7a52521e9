/// Words of a command that is shown for a person to copy.
enum ShellWord {
  /// A word as a shell takes it: as it is where that is safe, else in single quotes.
  static func quoted(_ word: String) -> String {
    let isPlain =
      !word.isEmpty
      && word.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
          true
        default: byte >= 0x80
        }
      } && !word.hasPrefix("-")
    return isPlain ? word : "'\(word.replacing("'", with: "'\\''"))'"
  }
}
