import ArgumentParser
import Foundation
import Inference
import NIOCore

/// `run`: one question to an agent on this machine.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Ask an agent of this host one thing.",
    discussion: "Example: osaurus-host run Ada \"Good morning\"")

  @Argument(help: "Its name, id or address.") var agent: String
  @Argument(help: "What to say; - for standard input.") var prompt: String
  @Option(help: "The model, instead of the agent's own.") var model: String?

  func run() async throws {
    let prompt = try prompt == "-" ? TextFile.read("-", atMost: 4 * 1024 * 1024) : prompt
    try await Owner.withService { owner in
      var conversation = LocalConversation(
        agent: try await LocalConversation.find(agent, owner), model: model)
      try await conversation.say(prompt, to: owner)
    }
  }
}

/// `chat`: a conversation with an agent on this machine.
struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Talk with an agent of this host.",
    discussion: "Example: osaurus-host chat Ada       (end with Ctrl-D)")

  @Argument(help: "Its name, id or address.") var agent: String
  @Option(help: "The model, instead of the agent's own.") var model: String?

  func run() async throws {
    try await Owner.withService { owner in
      var conversation = LocalConversation(
        agent: try await LocalConversation.find(agent, owner), model: model)
      try await ConversationLoop.run { line in
        try await conversation.say(line, to: owner)
      }
    }
  }
}

/// A conversation over the control socket: what was said so far, and one session on disk.
struct LocalConversation {
  private let agent: AgentRow
  private let model: String?
  private var messages: [ChatMessage] = []
  private let session = UUID()

  init(agent: AgentRow, model: String?) {
    self.agent = agent
    self.model = model
  }

  static func find(_ reference: String, _ owner: Owner) async throws -> AgentRow {
    try await owner.send("GET", "/control/agents/\(Owner.pathSegment(reference))").decoded(AgentRow.self)
  }

  /// Sends what was said and prints the answer as it comes.
  mutating func say(_ text: String, to owner: Owner) async throws {
    messages.append(ChatMessage(role: "user", content: .text(text)))
    var request = ChatRequest(model: model ?? "", messages: messages)
    request.sessionID = session.uuidString
    var printer = AnswerPrinter()
    try await owner.stream("/agents/\(agent.id)/run", request) { bytes in
      try printer.feed(Array(bytes.readableBytesView))
    }
    let answer = try printer.finish()
    messages.append(ChatMessage(role: "assistant", content: .text(answer)))
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
