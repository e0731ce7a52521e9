import ArgumentParser
import Foundation

/// `agent`: who lives on this host.
struct AgentCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent",
    abstract: "Make, look at and change agents.",
    discussion: "Example: osaurus-host agent create Ada --model smollm2-135m",
    subcommands: [
      Create.self, List.self, Show.self, Set.self, Rotate.self, Revoke.self, Restore.self, Delete.self,
      Secret.self,
    ])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make an agent with an address of its own.",
      discussion: "Example: osaurus-host agent create Ada --prompt-file ada.txt")

    @Argument(help: "What to call it.") var name: String
    @Option(help: "The index of its key, for an agent that this identity has on another host as well.")
    var index: UInt32?
    @OptionGroup var traits: AgentTraits
    @OptionGroup var output: OutputOptions

    func run() async throws {
      var change = try traits.change(name: name)
      change.index = index
      try await Owner.withConnection { [change] owner in
        let answer = try await owner.send("POST", "/control/agents", change)
        if output.json { return try answer.show() }
        let agent = try answer.decoded(AgentRow.self)
        Terminal.say("\(agent.name) lives here now.")
        Terminal.say("  address  \(agent.address ?? "none")")
        Terminal.say("  id       \(agent.id)")
        if index != nil { Restore.tellOfOtherHosts() }
        Terminal.say(
          Terminal.dim(
            "Let a device in with: osaurus-host key create --agent \(ShellWord.quoted(agent.name))"))
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the agents.",
      discussion: """
        Example: osaurus-host agent list --json

        REACH says who may know of an agent: everybody with a key for it (exposed), this machine alone (hidden), or \
        nobody by an address, because it has none (local).
        """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/agents")
        if output.json { return try answer.show(member: "agents") }
        let agents = try answer.decoded(AgentList.self).agents
        guard !agents.isEmpty else {
          return Terminal.say("No agents yet. Make one with: osaurus-host agent create NAME")
        }
        var table = Table("NAME", "ADDRESS", "REACH", "KEYS", "MODEL")
        for agent in agents {
          table.add(
            agent.name, agent.address ?? "none", agent.reach, "\(agent.activeKeys)", agent.model ?? "default")
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
        let answer = try await owner.send("GET", AgentRow.path(agent))
        if output.json { return try answer.show() }
        let found = try answer.decoded(AgentRow.self)
        var facts = Facts(title: found.name)
        facts.add("address", found.address ?? "none; give it one: osaurus-host agent rotate")
        facts.add("id", found.id)
        facts.add("index", found.index.map(String.init) ?? "none")
        facts.add("reach", found.reach)
        facts.add("pairing", found.pairing ? "devices may ask for it" : "no device may ask for it")
        facts.add("model", found.model ?? "default")
        facts.add("keys", found.activeKeys == 0 ? "none of its own" : "\(found.activeKeys) active")
        for issuer in found.trustedIssuers { facts.add("trusts", issuer) }
        facts.add("made", found.createdAt)
        facts.add("changed", found.updatedAt)
        facts.add("description", found.description)
        facts.add("prompt", found.systemPrompt)
        facts.show()
      }
    }
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Change an agent's name, model, description, prompt, exposure or pairing.",
      discussion: """
        Example: osaurus-host agent set Ada --model smollm2-135m --no-exposed
        Example: osaurus-host agent set Ada --no-pairing     (paired devices still reach it; no new one may ask)

        Address, keys and conversations stay. An empty model is the host's default again: --model ""
        """)

    @Argument(help: "Its name, id or address.") var agent: String
    @Option(help: "A new name.") var name: String?
    @OptionGroup var traits: AgentTraits
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard name != nil || !traits.isEmpty else {
        throw ValidationError("Say what to change, such as --name, --model or --no-exposed.")
      }
    }

    func run() async throws {
      let change = try traits.change(name: name)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("PATCH", AgentRow.path(agent), change)
        if output.json { return try answer.show() }
        Terminal.say("Changed \(try answer.decoded(AgentRow.self).name).")
      }
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give an agent a fresh address and revoke every key of the old one.",
      discussion: """
        Example: osaurus-host agent rotate Ada

        The old address is never used again, and who was trusted for it is trusted no more. Conversations stay.
        """)

    @Argument(help: "Its name, id or address.") var agent: String
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try Terminal.requireAnswer(assumingYes: confirmation.yes)
      try await Owner.withConnection { owner in
        let found = try await AgentRow.find(agent, owner)
        if let loss = found.loss {
          try Terminal.confirm("\(loss) Give it a fresh address?", assumingYes: confirmation.yes)
        }
        let answer = try await owner.send("POST", AgentRow.path(found.id, "/rotate"))
        if output.json { return try answer.show() }
        let rotated = try answer.decoded(AgentRow.self)
        let old = found.address == nil ? "" : "; the keys of the old address are revoked"
        Terminal.say("\(rotated.name) is at \(rotated.address ?? "none") now\(old).")
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take an agent's address away and revoke every key of it. The agent stays.",
      discussion: """
        Example: osaurus-host agent revoke Ada

        The agent and its conversations stay, for you and this machine alone; other machines are told that there is no \
        such agent. The address is never used again: 'osaurus-host agent rotate' gives the agent a fresh one.
        """)

    @Argument(help: "Its name, id or address.") var agent: String
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try Terminal.requireAnswer(assumingYes: confirmation.yes)
      try await Owner.withConnection { owner in
        let found = try await AgentRow.find(agent, owner)
        if let loss = found.loss {
          try Terminal.confirm("\(loss) Take the address away?", assumingYes: confirmation.yes)
        }
        let answer = try await owner.send("POST", AgentRow.path(found.id, "/revoke"))
        if output.json { return try answer.show() }
        guard let address = found.address else {
          return Terminal.say("\(found.name) has no address already.")
        }
        Terminal.say("\(found.name) is local only now; \(address) and its keys are revoked.")
        Terminal.say(
          Terminal.dim("Give it a fresh address: osaurus-host agent rotate \(ShellWord.quoted(found.name))"))
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
  @Flag(inversion: .prefixedNo, help: "Whether other machines may find and reach it.") var exposed: Bool?
  @Flag(
    inversion: .prefixedNo,
    help: """
      Whether devices that are not let in yet may ask for it. They may from the beginning: nobody is told of it before \
      'serve --expose', and nobody is let in before you say so each time.
      """)
  var pairing: Bool?

  var isEmpty: Bool {
    model == nil && description == nil && promptFile == nil && exposed == nil && pairing == nil
  }

  func change(name: String?) throws -> AgentChange {
    AgentChange(
      name: name, description: description,
      systemPrompt: try promptFile.map { try TextFile.read($0, atMost: 256 * 1024) }, model: model,
      exposed: exposed, pairing: pairing)
  }
}

struct AgentChange: Encodable {
  let name: String?
  let description: String?
  let systemPrompt: String?
  let model: String?
  let exposed: Bool?
  let pairing: Bool?
  var index: UInt32?
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
  let exposed: Bool
  let pairing: Bool
  let activeKeys: Int
  let trustedIssuers: [String]
  let createdAt: String
  let updatedAt: String

  /// Who may know of it.
  var reach: String { address == nil ? "local" : exposed ? "exposed" : "hidden" }

  /// What goes with its address, as a sentence; nil where it has none.
  var loss: String? {
    guard let address else { return nil }
    let keys =
      switch activeKeys {
      case 0: "it has no active key"
      case 1: "its active key is revoked"
      default: "its \(activeKeys) active keys are revoked"
      }
    return "\(name) leaves \(address) for good; \(keys)."
  }

  static func path(_ reference: String, _ action: String = "") -> String {
    "/control/agents/\(Owner.pathSegment(reference))\(action)"
  }

  static func find(_ reference: String, _ owner: Owner) async throws -> AgentRow {
    try await owner.send("GET", path(reference)).decoded(AgentRow.self)
  }
}
