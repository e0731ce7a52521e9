import ArgumentParser
import Foundation

/// `relay`: agents that are reached from anywhere, through a relay that reads nothing of what is said.
struct RelayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "relay",
    abstract: "Let agents be reached from anywhere, through a relay.",
    discussion: """
      Example: osaurus-host relay up --url wss://relay.example.com Ada

      The host opens one connection to the relay and keeps it; no port of this machine is opened. Through the relay \
      only pairing, invites and the secure channel exist, so it sees neither keys nor prompts nor answers.
      """,
    subcommands: [Up.self, Status.self, Down.self], defaultSubcommand: Status.self)

  struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have agents reached through the relay, from now on and after every start.",
      discussion: """
        Example: osaurus-host relay up --url wss://relay.example.com Ada

        Without a name: every agent that other machines may reach. Without --url: the relay that was chosen before.
        """)

    @Argument(help: "The agents: names, ids or addresses.") var agents: [String] = []
    @Option(help: "The relay, such as wss://relay.example.com.") var url: String?
    @Flag(help: "Let the relay be without TLS, though it is on another machine.") var insecure = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
      if insecure, url == nil { throw ValidationError("--insecure goes with --url.") }
    }

    func run() async throws {
      let order = RelayOrder(url: url, insecure: insecure, agents: agents.isEmpty ? nil : agents)
      let isServed = try await Owner.ifServed { owner in
        var answer = try await owner.send("POST", "/control/relay/up", order)
        var relay = try answer.decoded(RelayRow.self)
        // What a relay needs to take an agent, and a way to be looked at.
        for _ in 0..<100 where !relay.isSettled {
          try await Task.sleep(for: .milliseconds(300))
          answer = try await owner.send("GET", "/control/relay")
          relay = try answer.decoded(RelayRow.self)
        }
        if output.json { try answer.show() } else { relay.show() }
        return true
      }
      if isServed == true { return }
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/relay/up", order)
        if output.json { return try answer.show() }
        Terminal.say("Noted. The relay is told when the service runs: osaurus-host serve")
      }
    }
  }

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show which agents are reached through the relay, and where.",
      discussion: "Example: osaurus-host relay status --json")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/relay")
        if output.json { return try answer.show() }
        try answer.decoded(RelayRow.self).show()
      }
    }
  }

  struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Have agents reached through the relay no more; without a name, none.",
      discussion: "Example: osaurus-host relay down Ada")

    @Argument(help: "The agents: names, ids or addresses.") var agents: [String] = []
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/relay/down",
          RelayOrder(url: nil, insecure: nil, agents: agents.isEmpty ? nil : agents))
        if output.json { return try answer.show() }
        let left = try answer.decoded(RelayRow.self).agents
        Terminal.say(
          left.isEmpty
            ? "No agent is reached through a relay any more."
            : "Still reached through the relay: \(left.map { Terminal.harmless($0.name) }.joined(separator: ", "))."
        )
      }
    }
  }
}

private struct RelayOrder: Encodable {
  let url: String?
  let insecure: Bool?
  let agents: [String]?
}

/// The relay, as the host tells of it.
struct RelayRow: Decodable {
  struct Agent: Decodable {
    let name: String
    let address: String?
    let state: String
    let url: String?
    let reason: String?

    /// In words.
    var words: String {
      let reason = reason.map { Terminal.harmless($0) } ?? ""
      return switch state {
      case "up": "up"
      case "checking": "up, its URL is being looked at"
      case "unproven": "up, but requests to its URL do not arrive: \(reason)"
      case "rejected": "not taken by the relay: \(reason)"
      case "waiting": "waiting for the relay"
      case "hidden": "not exposed to other machines"
      default: "off"
      }
    }
  }

  let relay: String?
  let connection: String
  let reason: String?
  let retryIn: Int?
  let agents: [Agent]

  /// Whether nothing is under way.
  var isSettled: Bool {
    if connection == "waiting" { return true }
    return connection == "open" && !agents.contains { ["waiting", "checking", "off"].contains($0.state) }
  }

  /// In one line.
  var summary: String {
    let up = agents.count { $0.state == "up" }
    return switch connection {
    case "open": "\(up) of \(agents.count) reached through \(relay ?? "")"
    case "waiting": "no tunnel: \(reason ?? ""); tried again in \(retryIn ?? 0) s"
    case "opening": "the tunnel is being opened"
    default: "off"
    }
  }

  func show() {
    guard let relay, !agents.isEmpty else {
      return Terminal.say("No agent is reached through a relay. Change it with: osaurus-host relay up")
    }
    Terminal.say("\(Terminal.harmless(relay)): \(Terminal.harmless(summary))")
    var table = Table("AGENT", "STATE", "URL")
    for agent in agents { table.add(agent.name, agent.words, agent.url ?? "") }
    table.show()
  }
}
