import Foundation
import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// What stands between a command and the person: colours, questions, hidden input. Everything is plain text
/// where there is no terminal.
enum Terminal {
  enum Stream { case output, error }

  static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }
  static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  static func isShown(_ stream: Stream) -> Bool {
    isatty(stream == .output ? STDOUT_FILENO : STDERR_FILENO) == 1
  }

  /// Whether colours and redrawn lines suit `stream`: a capable terminal, and no wish against it (`NO_COLOR`).
  static func isDecorated(_ stream: Stream = .output) -> Bool {
    let environment = ProcessInfo.processInfo.environment
    guard isatty(stream == .output ? STDOUT_FILENO : STDERR_FILENO) == 1 else { return false }
    guard environment["NO_COLOR", default: ""].isEmpty else { return false }
    return environment["TERM"] != nil && environment["TERM"] != "dumb"
  }

  static func bold(_ text: String) -> String { isDecorated() ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
  static func dim(_ text: String) -> String { isDecorated() ? "\u{1b}[2m\(text)\u{1b}[0m" : text }

  /// Writes a line to standard output.
  static func say(_ line: String = "") { print(line) }

  /// Writes text to standard output at once, without a line end: for answers that stream.
  static func stream(_ text: String) {
    FileHandle.standardOutput.write(Data(text.utf8))
  }

  /// Text from a model or from another machine as a terminal may get it: without the control characters that move the
  /// cursor, change the title or hide what was written. Where there is no terminal it stays as it is.
  static func harmless(_ text: String, on stream: Stream = .output) -> String {
    isatty(stream == .output ? STDOUT_FILENO : STDERR_FILENO) == 1 ? withoutControls(text) : text
  }

  static func withoutControls(_ text: String) -> String {
    var kept = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control where scalar != "\n" && scalar != "\t": continue
      case .format where scalar.properties.isBidiControl: continue
      default: kept.append(scalar)
      }
    }
    return String(kept)
  }

  /// Writes a line to standard error.
  static func note(_ line: String) {
    sayAside(line + "\n")
  }

  /// Writes a question to standard error, after which the answer is typed.
  static func ask(_ text: String) { sayAside(text) }

  /// Writes to standard error. Where nobody listens any more, as on a terminal that was closed, that is no failure.
  private static func sayAside(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// Whether ``confirm(_:assumingYes:)`` could get its answer: for a command that has to look something up before it
  /// asks.
  static func requireAnswer(assumingYes: Bool) throws {
    guard assumingYes || inputIsTerminal else {
      throw CommandFailure.wrongUsage("This cannot be undone: pass --yes to do it without a terminal.")
    }
  }

  /// Asks for a yes on the terminal. Without one, the command needs `--yes`.
  static func confirm(_ question: String, assumingYes: Bool) throws {
    if assumingYes { return }
    try requireAnswer(assumingYes: assumingYes)
    sayAside("\(question) [y/N] ")
    guard let answer = readLine()?.lowercased(), answer == "y" || answer == "yes" else {
      throw CommandFailure(.failed, "not_confirmed", "Nothing was changed.")
    }
  }

  /// Reads one secret line of at most 8 KiB into guarded memory: hidden on a terminal, as it is from a pipe.
  static func readSecret(prompt: String) throws -> SecretBytes {
    guard inputIsTerminal else { return try secretLine() }
    var shown = termios()
    tcgetattr(STDIN_FILENO, &shown)
    var hidden = shown
    // Ctrl-C comes as a character, which ends the line at once, so that the terminal is put right before this ends.
    hidden.c_lflag &= ~tcflag_t(ECHO | ISIG)
    withUnsafeMutableBytes(of: &hidden.c_cc) { $0[Int(VEOL)] = 3 }
    // First hidden, then asked: whoever answers the question is not shown, and nothing of the answer is dropped.
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
    sayAside(prompt)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
      note("")
    }
    return try secretLine()
  }

  private static func secretLine() throws -> SecretBytes {
    var line: [UInt8] = []
    line.reserveCapacity(8192)  // so that no copy of it is left behind
    while line.count < 8192 {
      var byte: UInt8 = 0
      guard read(STDIN_FILENO, &byte, 1) == 1, byte != UInt8(ascii: "\n") else { break }
      if byte == 3 { throw CommandFailure(.interrupted, "interrupted", "Interrupted.") }
      line.append(byte)
    }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    // `taking` wipes the line itself.
    guard !line.isEmpty else { throw CommandFailure.wrongUsage("Nothing was entered.") }
    return SecretBytes(taking: &line)
  }
}
