import Foundation
import Inference

/// What was said so far, in one session on the host's disk.
struct Conversation {
  private let model: String?
  private var messages: [ChatMessage] = []
  private let session = UUID()

  /// - Parameter model: the model, instead of the agent's own.
  init(model: String?) { self.model = model }

  /// Says something and prints the answer as it comes.
  ///
  /// - Parameter ask: sends a request and gives the bytes of the answer to the printer.
  mutating func say(
    _ text: String, _ ask: (ChatRequest, inout AnswerPrinter) async throws -> Void
  ) async throws {
    messages.append(.user(text))
    var request = ChatRequest(model: model ?? "", messages: messages)
    request.sessionID = session.uuidString
    var printer = AnswerPrinter()
    do {
      try await ask(request, &printer)
    } catch {
      printer.endLine()
      throw error
    }
    messages.append(.assistant(try printer.finish()))
  }
}

/// Reads lines from a person until the input ends.
enum ConversationLoop {
  static func run(_ answer: (String) async throws -> Void) async throws {
    while true {
      if Terminal.inputIsTerminal { Terminal.stream(Terminal.bold("› ")) }
      guard let line = readLine() else { break }
      let said = line.trimmingCharacters(in: .whitespaces)
      if said.isEmpty { continue }
      if said == "exit" || said == "/exit" { break }
      try await answer(said)
    }
    if Terminal.inputIsTerminal { Terminal.say() }
  }
}
