import Foundation
import Inference

/// An agent that can be talked with, here or far away.
protocol ConversationPartner: Sendable {
  /// Sends a request and gives the bytes of the answer to the printer as they come.
  func answer(_ request: ChatRequest, _ printer: inout AnswerPrinter) async throws
}

/// What was said so far with one agent, in one session on its host's disk.
struct Conversation<Partner: ConversationPartner> {
  private let partner: Partner
  private let model: String?
  private var messages: [ChatMessage] = []
  private let session = UUID()

  /// - Parameter model: the model, instead of the agent's own.
  init(with partner: Partner, model: String?) {
    self.partner = partner
    self.model = model
  }

  /// Says something and prints the answer as it comes.
  mutating func say(_ text: String) async throws {
    messages.append(.user(text))
    var request = ChatRequest(model: model ?? "", messages: messages)
    request.sessionID = session.uuidString
    var printer = AnswerPrinter()
    do {
      try await partner.answer(request, &printer)
    } catch {
      printer.endLine()
      throw error
    }
    messages.append(.assistant(try printer.finish()))
  }

  /// Says what a person types, line by line, until the input ends.
  mutating func followInput() async throws {
    while true {
      if Terminal.inputIsTerminal { Terminal.stream(Terminal.bold("› ")) }
      guard let line = readLine() else { break }
      let said = line.trimmingCharacters(in: .whitespaces)
      if said.isEmpty { continue }
      if said == "exit" || said == "/exit" { break }
      try await say(said)
    }
    if Terminal.inputIsTerminal { Terminal.say() }
  }
}
