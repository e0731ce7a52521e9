import Connector
import Foundation

/// Prints an answer as it comes: its text to standard output, what is beside it to standard error.
struct AnswerPrinter {
  private var decoder = AnswerTextDecoder()
  private var answer = ""
  private var isThinking = false
  private var failure: String?
  private var isDone = false

  /// Prints the next bytes of the event stream.
  mutating func feed(_ bytes: [UInt8]) throws {
    for part in try decoder.feed(bytes) { show(part) }
  }

  /// Ends the line.
  /// - Returns: the whole answer.
  /// - Throws: ``CommandFailure`` when the host reported an error, or the answer has no end.
  mutating func finish() throws -> String {
    endLine()
    if let failure { throw CommandFailure(.failed, "answer_failed", failure) }
    guard isDone else {
      throw CommandFailure(
        .failed, "stream_truncated", "The answer was cut: the service ended it before its end.",
        nextStep: "Ask again; see the service's log for the reason.")
    }
    return answer
  }

  /// Ends the line of what had come, after which an error is reported.
  func endLine() {
    if !answer.isEmpty, !answer.hasSuffix("\n") { Terminal.stream("\n") }
  }

  private mutating func show(_ part: AnswerPart) {
    switch part {
    case .text(let text):
      if isThinking { Terminal.note("") }
      isThinking = false
      answer += text
      Terminal.stream(Terminal.harmless(text))
    case .reasoning(let text):
      guard Terminal.isDecorated(.error) else { return }
      isThinking = true
      FileHandle.standardError.write(Data(Terminal.dim(Terminal.harmless(text, on: .error)).utf8))
    case .toolCall(let name):
      Terminal.note("[\(Terminal.harmless(name, on: .error))]")
    case .failed(let message): failure = message
    case .done: isDone = true
    }
  }
}
