import Foundation

/// What long work is doing: one line that is redrawn on a terminal, a line for each step elsewhere.
struct ProgressLine: Sendable {
  let isQuiet: Bool
  private let isRedrawn = Terminal.isDecorated(.error)

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  func show(_ step: String) {
    guard !isQuiet else { return }
    FileHandle.standardError.write(Data((isRedrawn ? "\r\u{1b}[K  \(step)" : "  \(step)\n").utf8))
  }

  /// Takes the line away.
  func clear() {
    if !isQuiet, isRedrawn { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
  }

  func finish(_ sentence: String) {
    guard !isQuiet else { return }
    if isRedrawn { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
    Terminal.say(sentence)
  }
}
