import ArgumentParser
import Foundation

/// `agent`: who lives on this host.
struct AgentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent",
    abstract: "Make, look at and change agents.",
    discussion: "Example: osaurus-host agent create Ada --model smollm2-135m",
    subcommands: [Create.self, List.self, Show.self, Set.self, Rotate.self, Delete.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make an agent with an address of its own.",
      discussion: "Example: osaurus-host agent create Ada --prompt-file ada.txt")

    @Argument(help: "What to call it.") var name: String
    @OptionGroup var traits: AgentTraits
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let change = try traits.change(name: name)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/agents", change)
        if output.json { return try answer.show() }
        let agent = try answer.decoded(AgentRow.self)
        Terminal.say("\(agent.name) lives here now.")
        Terminal.say("  address  \(agent.address ?? "none")")
        Terminal.say("  id       \(agent.id)")
        Terminal.say(Terminal.dim("Let a device in with: osaurus-host key create --agent \(agent.name)"))
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the agents.", discussion: "Example: osaurus-host agent list --json")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/agents")
        if output.json { return try answer.show(member: "agents") }
        let agents = try answer.decoded(AgentList.self).agents
        guard !agents.isEmpty else {
          return Terminal.say("No agents yet. Make one with: osaurus-host agent create NAME")
        }
        var table = Table("NAME", "ADDRESS", "MODEL", "ID")
        for agent in agents {
          table.add(agent.name, agent.address ?? "none", agent.model ?? "default", agent.id)
        }
        table.show()
      }
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show one agent.", discussion: "Example: osaurus-host agent show Ada")

    @Argument(help: "Its name, id or address.") var agent: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/agents/\(Owner.pathSegment(agent))")
        if output.json { return try answer.show() }
        let found = try answer.decoded(AgentRow.self)
        Terminal.say(Terminal.bold(found.name))
        Terminal.say("  address      \(found.address ?? "none")")
        Terminal.say("  id           \(found.id)")
        Terminal.say("  index        \(found.index.map(String.init) ?? "none")")
        Terminal.say("  model        \(found.model ?? "default")")
        Terminal.say("  description  \(found.description ?? "")")
        Terminal.say("  prompt       \(found.systemPrompt ?? "")")
      }
    }
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Change an agent's name, model, description or prompt.",
      discussion: "Example: osaurus-host agent set Ada --model smollm2-135m")

    @Argument(help: "Its name, id or address.") var agent: String
    @Option(help: "A new name.") var name: String?
    @OptionGroup var traits: AgentTraits
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let change = try traits.change(name: name)
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "PATCH", "/control/agents/\(Owner.pathSegment(agent))", change)
        if output.json { return try answer.show() }
        Terminal.say("Changed \(try answer.decoded(AgentRow.self).name).")
      }
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give an agent a fresh address and revoke every key of the old one.",
      discussion: "Example: osaurus-host agent rotate Ada")

    @Argument(help: "Its name, id or address.") var agent: String
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try Terminal.confirm(
        "Every device paired with \(agent) loses its access. Go on?", assumingYes: confirmation.yes)
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/agents/\(Owner.pathSegment(agent))/rotate")
        if output.json { return try answer.show() }
        let rotated = try answer.decoded(AgentRow.self)
        Terminal.say("\(rotated.name) is at \(rotated.address ?? "none") now; the old keys are revoked.")
      }
    }
  }

  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Delete an agent and revoke its keys.",
      discussion: "Example: osaurus-host agent delete Ada --yes")

    @Argument(help: "Its name, id or address.") var agent: String
    @OptionGroup var confirmation: ConfirmationOptions

    func run() async throws {
      try Terminal.confirm(
        "\(agent) and every key of it will be gone for good. Go on?", assumingYes: confirmation.yes)
      try await Owner.withConnection { owner in
        _ = try await owner.send("DELETE", "/control/agents/\(Owner.pathSegment(agent))")
        Terminal.say("Deleted \(agent); its keys are revoked, and its address is never used again.")
      }
    }
  }
}

/// What can be said of an agent, at its making and later.
struct AgentTraits: ParsableArguments {
  @Option(help: "The model it uses; the host's default without one.") var model: String?
  @Option(help: "What it is for, in a line.") var description: String?
  @Option(name: .customLong("prompt-file"), help: "A file with its system prompt; - for standard input.")
  var promptFile: String?

  func change(name: String?) throws -> AgentChange {
    AgentChange(
      name: name, description: description,
      systemPrompt: try promptFile.map { try TextFile.read($0, atMost: 256 * 1024) }, model: model)
  }
}

struct AgentChange: Encodable {
  let name: String?
  let description: String?
  let systemPrompt: String?
  let model: String?
}

struct AgentList: Decodable { let agents: [AgentRow] }

struct AgentRow: Decodable {
  let id: String
  let name: String
  let description: String?
  let systemPrompt: String?
  let model: String?
  let address: String?
  let index: UInt32?
}
