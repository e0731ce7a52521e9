import ArgumentParser
import Foundation

/// `memory`: what agents remember.
struct MemoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memory",
    abstract: "Search, add to, look through and forget what agents remember.",
    discussion: "Example: osaurus-host memory search --agent Ada \"where is the ladder\"",
    subcommands: [
      Search.self, Add.self, List.self, Forget.self, Ingest.self, Status.self,
    ])

  /// What memories are chosen by.
  struct Choice: ParsableArguments {
    @Option(help: "The agent (name, id or address); without it, all of them.") var agent: String?
    @Option(help: "identity, pinned, episode or transcript; may be given several times.")
    var layer: [String] = []

    var layers: [String]? { layer.isEmpty ? nil : layer }

    func validate() throws {
      for layer in layer { try MemoryCommand.check(layer) }
    }
  }

  static func check(_ layer: String) throws {
    guard ["identity", "pinned", "episode", "transcript"].contains(layer) else {
      throw ValidationError("--layer takes identity, pinned, episode or transcript.")
    }
  }

  struct Search: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Find what answers a question, by words and, with a model for embeddings, by meaning.",
      discussion: "Example: osaurus-host memory search --agent Ada --limit 5 \"the boat\"")

    @Argument(help: "What to look for.") var question: String
    @OptionGroup var choice: Choice
    @Option(help: "How many answers, at most.") var limit = 10
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let order = MemoryOrder(
        agent: choice.agent, text: question, layers: choice.layers, limit: limit)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/memory/search", order)
        if output.json { return try answer.show() }
        let found = try answer.decoded(MemoryAnswerRow.self)
        if let reason = found.reason { Terminal.note(Terminal.dim("By words alone: \(reason)")) }
        guard !found.hits.isEmpty else { return Terminal.say("Nothing is remembered about that.") }
        for hit in found.hits { hit.memory.show() }
      }
    }
  }

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have an agent remember something.",
      discussion: """
        Example: osaurus-host memory add --agent Ada "The ladder is behind the shed."
                 osaurus-host memory add --layer identity "I live in Lisbon."   (for all agents)
        """)

    @Argument(help: "What to remember; - reads it from standard input.") var text: String
    @Option(help: "The agent (name, id or address).") var agent: String?
    @Option(help: "identity, pinned or episode.") var layer = "pinned"
    @Option(help: "How much it matters, from 0 to 1.") var salience: Double?
    @Option(help: "Words that it should be found by, too.") var keywords: String?
    @OptionGroup var output: OutputOptions

    func validate() throws { try MemoryCommand.check(layer) }

    func run() async throws {
      let text = text == "-" ? try TextFile.read("-", atMost: 64 * 1024) : text
      let order = MemoryOrder(
        agent: agent, text: text, layer: layer, keywords: keywords, salience: salience)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/memory", order)
        if output.json { return try answer.show() }
        Terminal.say("Remembered as \(try answer.decoded(MemoryRow.self).id).")
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List what is remembered, the latest first.",
      discussion: "Example: osaurus-host memory list --agent Ada --layer pinned")

    @OptionGroup var choice: Choice
    @Option(help: "How many, at most.") var limit = 100
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let order = MemoryOrder(agent: choice.agent, layers: choice.layers, limit: limit)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/memory/list", order)
        if output.json { return try answer.show(member: "memories") }
        let memories = try answer.decoded(MemoryList.self).memories
        guard !memories.isEmpty else { return Terminal.say("Nothing is remembered.") }
        for memory in memories { memory.show() }
      }
    }
  }

  struct Forget: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Forget for good: the memory, its index entries and its vector.",
      discussion: """
        Example: osaurus-host memory forget 6F9619FF-8B86-D011-B42D-00CF4FC964FF
                 osaurus-host memory forget --agent Ada --layer transcript --conversation holidays
        """)

    @Argument(help: "The ids, from 'memory list'.") var ids: [String] = []
    @OptionGroup var choice: Choice
    @Option(help: "Only what comes from this conversation.") var conversation: String?
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard ids.isEmpty != (choice.agent == nil) else {
        throw ValidationError("Say either which memories to forget, or --agent for all that one remembers.")
      }
    }

    func run() async throws {
      if let agent = choice.agent {
        let kind = choice.layers.map { " (\($0.joined(separator: ", ")))" } ?? ""
        try Terminal.confirm(
          "Forget all that \(agent) remembers\(kind)\(conversation.map { " of \($0)" } ?? "")?",
          assumingYes: confirmation.yes)
      }
      try await Owner.withConnection { owner in
        var count = 0
        if choice.agent != nil {
          let order = MemoryOrder(agent: choice.agent, layers: choice.layers, conversation: conversation)
          count = try await owner.send("POST", "/control/memory/forget", order).decoded(ForgottenRow.self)
            .forgotten
        }
        for id in ids {
          _ = try await owner.send("DELETE", "/control/memory/\(Owner.pathSegment(id))")
          count += 1
        }
        if output.json { return Terminal.say("{\"forgotten\": \(count)}") }
        Terminal.say("Forgotten: \(count).")
      }
    }
  }

  struct Ingest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have an agent remember a conversation word for word, in place of an earlier copy of it.",
      discussion: """
        The file is JSON: [{"user": "…", "assistant": "…", "date": "2026-05-01"}, …]; assistant and date may be missing.
        Example: osaurus-host memory ingest --agent Ada --conversation holidays talk.json
        """)

    /// As large as a request may be.
    static let largestFile = 32 * 1024 * 1024

    @Argument(help: "The file; - reads standard input.") var file: String
    @Option(help: "The agent (name, id or address).") var agent: String
    @Option(help: "What to call the conversation.") var conversation: String
    @Flag(help: "Only remember it; nothing is to be learned from it later.") var skipExtraction = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let text = try TextFile.read(file, atMost: Self.largestFile)
      guard let turns = try? JSONDecoder().decode([TurnRow].self, from: Data(text.utf8)) else {
        throw CommandFailure(
          .failed, "malformed", "\(file) is not a JSON list of turns.",
          nextStep: "See 'osaurus-host memory ingest --help' for an example.")
      }
      try await Owner.withConnection { owner in
        let found = try await owner.send("GET", "/control/agents/\(Owner.pathSegment(agent))")
          .decoded(AgentRow.self)
        let answer = try await owner.send(
          "POST", "/memory/ingest",
          IngestOrder(
            agentID: found.id, conversationID: conversation, turns: turns, skipExtraction: skipExtraction))
        if output.json { return try answer.show() }
        Terminal.say("\(found.name) remembers \(turns.count) exchange\(turns.count == 1 ? "" : "s").")
      }
    }
  }

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show how much is remembered, and how much of it can be found by meaning.",
      discussion: "Example: osaurus-host memory status --json")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/memory")
        if output.json { return try answer.show() }
        let status = try answer.decoded(MemoryConditionRow.self)
        Terminal.say("  memories      \(status.memories)")
        Terminal.say("  with meaning  \(status.embedded)")
        Terminal.say("  embeddings    \(status.embeddingModel ?? "none; set embeddingModel in host.json")")
        if let failure = status.failure { Terminal.say("  last failure  \(failure)") }
        let locked = status.held.isLocked ? "" : ", not locked: the limit on locked memory is too low"
        Terminal.say(
          "  held          \(status.held.vectors) vectors, \(status.held.bytes / 1024) KiB\(locked)")
      }
    }
  }
}

private struct MemoryOrder: Encodable {
  var agent: String?
  var text: String?
  var layer: String?
  var layers: [String]?
  var keywords: String?
  var salience: Double?
  var conversation: String?
  var limit: Int?
}

private struct IngestOrder: Encodable {
  let agentID: String
  let conversationID: String
  let turns: [TurnRow]
  let skipExtraction: Bool

  enum CodingKeys: String, CodingKey {
    case turns
    case agentID = "agent_id"
    case conversationID = "conversation_id"
    case skipExtraction = "skip_extraction"
  }
}

private struct TurnRow: Codable {
  let user: String
  let assistant: String?
  let date: String?
}

private struct MemoryAnswerRow: Decodable {
  struct Hit: Decodable { let memory: MemoryRow }
  let hits: [Hit]
  let reason: String?
}

private struct MemoryList: Decodable { let memories: [MemoryRow] }

private struct ForgottenRow: Decodable { let forgotten: Int }

private struct MemoryConditionRow: Decodable {
  struct Held: Decodable {
    let vectors: Int
    let bytes: Int
    let isLocked: Bool
  }
  let memories: Int
  let embedded: Int
  let embeddingModel: String?
  let held: Held
  let failure: String?
}

private struct MemoryRow: Decodable {
  let id: String
  let layer: String
  let role: String?
  let conversationId: String?
  let content: String
  let happenedAt: String

  func show() {
    let source = [layer, role, conversationId].compactMap(\.self).joined(separator: " · ")
    Terminal.say(Terminal.dim("\(happenedAt)  \(Terminal.harmless(source))  \(id)"))
    Terminal.say("  " + Terminal.harmless(content).replacing("\n", with: "\n  "))
  }
}
