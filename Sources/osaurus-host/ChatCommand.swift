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
      var conversation = Conversation(with: try await LocalAgent.find(agent, owner), model: model)
      try await conversation.say(prompt)
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
      var conversation = Conversation(with: try await LocalAgent.find(agent, owner), model: model)
      try await conversation.followInput()
    }
  }
}

/// An agent that is asked over the control socket.
struct LocalAgent: ConversationPartner {
  let agent: AgentRow
  let owner: Owner

  static func find(_ reference: String, _ owner: Owner) async throws -> LocalAgent {
    let answer = try await owner.send("GET", "/control/agents/\(Owner.pathSegment(reference))")
    return LocalAgent(agent: try answer.decoded(AgentRow.self), owner: owner)
  }

  func answer(_ request: ChatRequest, _ printer: inout AnswerPrinter) async throws {
    try await owner.stream("/agents/\(agent.id)/run", request) { bytes in
      try printer.feed(Array(bytes.readableBytesView))
    }
  }
}
