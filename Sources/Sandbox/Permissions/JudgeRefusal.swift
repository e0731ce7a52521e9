/// Why a command is not even judged. It is the command that has to change; no permission helps.
public enum JudgeRefusal: Error, Hashable, Sendable {
  case empty
  case zeroByte
  case tooLong
  /// It is short enough, and has too many parts.
  case tooComplex
  /// The shell would not understand it, in the parser's words.
  case syntax(String, line: Int?, column: Int?)

  /// The sentence that goes back to the model.
  public var message: String {
    switch self {
    case .empty: "The command is empty."
    case .zeroByte: "The command has a NUL byte."
    case .tooLong: "The command is longer than 64 KiB. Write it to a file, and run that."
    case .tooComplex: "The command has too many parts to be judged. Write it to a file, and run that."
    case .syntax(let words, let line?, let column?):
      "The command is no shell text: \(words) (line \(line), column \(column))."
    case .syntax(let words, _, _): "The command is no shell text: \(words)."
    }
  }
}
