import ArgumentParser
import Foundation
import Sandbox

extension SandboxCommand {
  struct Requests: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the commands of agents that wait for your word; with --watch, as they come.",
      discussion: """
        Example: osaurus-host sandbox requests --watch       (end with Ctrl-C)

        What a command is, an agent has written: characters that would act on this terminal are shown as \\u{1b}. A request waits \
        for ten minutes. With --watch on a terminal you are asked about each; without one, each is shown with the command that \
        allows it, or with --json as one object a line.
        """)

    @Flag(help: "Wait for more.") var watch = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withService { owner in
        if watch {
          let manner = RequestManner(output)
          if manner == .asking {
            Terminal.note("Waiting for commands that need your word. Ctrl-C ends it.")
          }
          return try await PermissionWatch(owner: owner, manner: manner).run()
        }
        let answer = try await owner.send("GET", "/control/sandbox/requests")
        if output.json { return try answer.show(member: "requests") }
        let requests = try answer.decoded(RequestList<PermissionRequestRow>.self).requests
        guard !requests.isEmpty else {
          return Terminal.say("Nothing waits. Wait for it with: osaurus-host sandbox requests --watch")
        }
        for request in requests {
          for line in request.lines { Terminal.say(line) }
          Terminal.say(Terminal.dim(request.hint))
        }
      }
    }
  }

  struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Allow what a command of an agent needs: once, for the session, or for a time.",
      discussion: """
        Example: osaurus-host sandbox approve 1f2e3d4c
        Example: osaurus-host sandbox approve 1f2e3d4c --for 1h

        Once is for this command, and for one run of it. For the session, or for a time, is for every command of the agent \
        that needs the same permissions; it ends with the service at the latest. 'osaurus-host sandbox revoke' takes it back.
        """)

    @Argument(help: "The request's id, from 'sandbox requests'.") var id: String
    @Flag(help: "For one run of this command. This is so when nothing is said.") var once = false
    @Flag(help: "Until the service stops.") var session = false
    @Option(
      name: .customLong("for"),
      help: ArgumentHelp("For so long, such as 30m, 1h or 1d; a day at most.", valueName: "time"),
      transform: PermissionOrder.seconds)
    var time: Int?
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard [once, session, time != nil].count(where: \.self) <= 1 else {
        throw ValidationError("Say one of --once, --session and --for.")
      }
    }

    func run() async throws {
      let order = PermissionOrder(scope: time != nil ? "time" : session ? "session" : "once", seconds: time)
      try await Owner.withService { owner in
        let answer = try await owner.send("POST", PermissionRequestRow.path(id, "/approve"), order)
        if output.json { return try answer.show() }
        Terminal.say(try answer.decoded(PermissionOutcome.self).sentence(order))
      }
    }
  }

  struct Deny: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Refuse a command. The agent cannot ask for the same one again for ten minutes.",
      discussion: "Example: osaurus-host sandbox deny 1f2e3d4c")

    @Argument(help: "The request's id, from 'sandbox requests'.") var id: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withService { owner in
        // A host that has not been asked what waits takes nobody's word on it.
        _ = try await owner.send("GET", "/control/sandbox/requests")
        let answer = try await owner.send("POST", PermissionRequestRow.path(id, "/deny"))
        if output.json { return try answer.show() }
        Terminal.say("Denied.")
      }
    }
  }

  struct Mode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show or say how much agents may do without asking: safe, trusted or dangerous.",
      discussion: """
        Example: osaurus-host sandbox mode
        Example: osaurus-host sandbox mode Ada trusted

        safe asks for every permission. trusted asks for the network, for what destroys, for privileged programs and for \
        variables that look like secrets. dangerous asks for nothing. The sandbox itself is the same in each.
        """)

    @Argument(help: "The agent: its name, id or address. Without one, all are shown.") var agent: String?
    @Argument(help: "safe, trusted or dangerous.", transform: Self.mode) var mode: PermissionMode?
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    @Sendable private static func mode(_ text: String) throws -> PermissionMode {
      guard let mode = PermissionMode(rawValue: text) else {
        throw ValidationError("A mode is safe, trusted or dangerous.")
      }
      return mode
    }

    private struct Order: Encodable { let mode: PermissionMode }

    func run() async throws {
      guard let agent, let mode else { return try await show() }
      if mode == .dangerous, !confirmation.yes {
        guard Terminal.inputIsTerminal else {
          throw CommandFailure.wrongUsage(
            "Nothing is asked for in this mode: pass --yes to say so without a terminal.")
        }
        try Terminal.confirm(
          "Let it run whatever it wants in its sandbox, without asking?", assumingYes: false)
      }
      try await Owner.withConnection { owner in
        let answer = try await owner.send("PUT", PermissionStanding.path(agent, "/mode"), Order(mode: mode))
        if output.json { return try answer.show() }
        let standing = try answer.decoded(PermissionStanding.self)
        Terminal.say("\(Terminal.harmless(standing.name)) is \(standing.mode).")
      }
    }

    private func show() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send("GET", "/control/sandbox/agents")
        var agents = try answer.decoded(PermissionStandings.self).agents
        if let agent {
          let id = try await AgentRow.find(agent, owner).id
          agents.removeAll { $0.id.lowercased() != id.lowercased() }
        }
        if output.json { return Terminal.say(try JSONText.encode(agents)) }
        var table = Table("AGENT", "MODE", "ALLOWED FOR NOW")
        for agent in agents {
          let held = agent.permissions.map { "\($0.permission)\($0.endsAt.map { " until \($0)" } ?? "")" }
          table.add(agent.name, agent.mode, held.joined(separator: ", "))
        }
        table.show()
      }
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take back what an agent was allowed for the session or for a time.",
      discussion: "Example: osaurus-host sandbox revoke Ada")

    @Argument(help: "The agent: its name, id or address.") var agent: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withService { owner in
        let answer = try await owner.send("DELETE", PermissionStanding.path(agent, "/permissions"))
        if output.json { return try answer.show() }
        let standing = try answer.decoded(PermissionStanding.self)
        Terminal.say("\(Terminal.harmless(standing.name)) has to ask again; its mode is \(standing.mode).")
      }
    }
  }
}

/// For how long something is allowed.
struct PermissionOrder: Encodable, Hashable {
  /// `once`, `session` or `time`.
  let scope: String
  let seconds: Int?

  /// A time as a person writes it: a number, and `s`, `m`, `h` or `d`.
  @Sendable static func seconds(_ text: String) throws -> Int {
    let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 24 * 3600]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Int(text.dropLast()), number > 0,
      number <= 24 * 3600, number * unit <= 24 * 3600
    else { throw ValidationError("A time is such as 90s, 30m, 1h or 1d; a day at most.") }
    return number * unit
  }
}

struct PermissionRequestRow: Codable, Hashable, Sendable {
  let id: String
  let agent: String
  let command: String
  let needs: [PermissionNeed]
  let askedAt: String
  let endsAt: String

  static func path(_ id: String, _ action: String) -> String {
    "/control/sandbox/requests/\(Owner.pathSegment(id))\(action)"
  }

  /// What is asked for, for a person to decide on: all of the command, and nothing in it acts.
  var lines: [String] {
    [Terminal.bold("\(VisibleText.escaped(agent)) asks to run:")]
      + VisibleText.lines(command).map { "  | \($0)" }
      + JudgedLines.of(needs)
      + ["  until \(endsAt), request \(id)"]
  }

  var hint: String {
    "Allow it once: osaurus-host sandbox approve \(id)    or: --session, --for 1h, sandbox deny \(id)"
  }
}

/// Needs, as a person reads them.
enum JudgedLines {
  static func of(_ needs: [PermissionNeed]) -> [String] {
    needs.flatMap { need in
      ["  \(need.permission.rawValue): to \(need.permission.plainWords)"]
        + need.evidence.map { evidence in
          let part = evidence.text.isEmpty ? "" : "\(VisibleText.escaped(evidence.text))  "
          let place = evidence.offset.map { "(byte \($0)) " } ?? evidence.word.map { "(word \($0)) " } ?? ""
          return "      \(part)\(Terminal.dim("\(place)\(evidence.reason)"))"
        }
    }
  }
}

struct PermissionOutcome: Decodable {
  /// `granted` or `denied`.
  let status: String
  let request: PermissionRequestRow

  func sentence(_ order: PermissionOrder) -> String {
    guard status == "granted" else { return "Denied." }
    let agent = Terminal.harmless(request.agent)
    return switch order.scope {
    case "once": "Allowed once. The agent runs the same command again for it."
    case "session": "\(agent) may do that until the service stops."
    default: "\(agent) may do that for \(order.seconds ?? 0) seconds."
    }
  }
}

struct PermissionStandings: Decodable {
  let agents: [PermissionStanding]
}

struct PermissionStanding: Codable {
  struct Held: Codable {
    let permission: String
    let endsAt: String?
  }

  let id: String
  let name: String
  let mode: String
  let permissions: [Held]

  static func path(_ agent: String, _ action: String) -> String {
    "/control/sandbox/agents/\(Owner.pathSegment(agent))\(action)"
  }
}
