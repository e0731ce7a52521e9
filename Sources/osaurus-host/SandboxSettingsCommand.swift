import ArgumentParser
import Foundation
import Sandbox
import Stores

extension SandboxCommand {
  struct Settings: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what an agent's sandbox is given, or say it otherwise.",
      discussion: """
        Example: osaurus-host sandbox settings Ada
        Example: osaurus-host sandbox settings Ada --memory 4096 --commands 20 --background off

        It holds from the agent's next command on. A limit is a number, or 'default'. Folders and hosts have commands of their own: \
        'osaurus-host sandbox grant' and 'osaurus-host sandbox network'.
        """)

    @Argument(help: "The agent: its name, id or address.") var agent: String
    @Option(help: "Mebibytes of memory that a command may take.", transform: Limit<Int64>.init)
    var memory: Limit<Int64>?
    @Option(help: "Processes and threads that a command may have.", transform: Limit<Int64>.init)
    var processes: Limit<Int64>?
    @Option(
      help: "Processors' worth of time that a command may take, where a control group can limit that.",
      transform: Limit<Double>.init)
    var processors: Limit<Double>?
    @Option(help: "Mebibytes that its home may take on the disk.", transform: Limit<Int64>.init)
    var home: Limit<Int64>?
    @Option(help: "Commands that it may start in one turn.", transform: Limit<Int>.init)
    var commands: Limit<Int>?
    @Option(help: "Whether it may leave processes in the background: on or off.") var background: Switch?
    @Option(help: "Whether it may make plugins for itself: on or off.") var plugins: Switch?
    @Option(
      help: ArgumentHelp(
        "Do without a layer that this machine does not have: landlock or systemCalls; or none of them, with 'none'. May be repeated.",
        valueName: "layer"))
    var without: [String] = []
    @OptionGroup var output: OutputOptions

    private var order: ControlOrder {
      var order = ControlOrder()
      order.memory = memory?.number.map(Self.bytes(ofMebibytes:))
      order.home = home?.number.map(Self.bytes(ofMebibytes:))
      order.processes = processes?.number
      order.processors = processors?.number
      order.commandsPerTurn = commands?.number
      order.allowsBackground = background.map { $0 == .on }
      order.mayCreatePlugins = plugins.map { $0 == .on }
      if !without.isEmpty { order.waived = without == ["none"] ? [] : without }
      let standard: [(String, Bool)] = [
        ("memory", memory?.isStandard == true), ("home", home?.isStandard == true),
        ("processes", processes?.isStandard == true),
        ("processors", processors?.isStandard == true), ("commandsPerTurn", commands?.isStandard == true),
      ]
      let reset = standard.filter(\.1).map(\.0)
      if !reset.isEmpty { order.reset = reset }
      return order
    }

    /// More than there is stays so, and is refused.
    private static func bytes(ofMebibytes count: Int64) -> Int64 {
      min(max(count, 0), Int64.max >> 20) << 20
    }

    func run() async throws {
      let order = order
      try await Owner.withConnection { owner in
        let path = SandboxSettingsRow.path(agent, "/settings")
        let answer =
          order.isEmpty ? try await owner.send("GET", path) : try await owner.send("PUT", path, order)
        try SandboxSettingsRow.show(answer, output)
      }
    }
  }

  struct Grant: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let an agent's commands use a folder of yours.",
      discussion: """
        Example: osaurus-host sandbox grant Ada ~/project
        Example: osaurus-host sandbox grant Ada ~/papers --read-only --name library

        It is /workspace/<name> inside, from the agent's next command on. Folders of the system, whole homes and places where keys \
        are kept cannot be granted. A folder that is granted already is granted anew.
        """)

    @Argument(help: "The agent: its name, id or address.") var agent: String
    @Argument(help: "The folder.") var folder: String
    @Flag(help: "Let nothing in it be changed.") var readOnly = false
    @Option(help: "What to call it inside; by default as it is called here.") var name: String?
    @OptionGroup var output: OutputOptions

    private struct Order: Encodable {
      let folder: String
      let name: String?
      let isWritable: Bool
    }

    func run() async throws {
      let path = URL(filePath: folder).absoluteURL.standardizedFileURL.path
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", SandboxSettingsRow.path(agent, "/workspaces"),
          Order(folder: path, name: name, isWritable: !readOnly))
        try SandboxSettingsRow.show(answer, output)
      }
    }
  }

  struct Ungrant: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a folder back that an agent's commands could use.",
      discussion: """
        Example: osaurus-host sandbox ungrant Ada project

        It holds from the agent's next command on; what runs already keeps the folder until it ends.
        """)

    @Argument(help: "The agent: its name, id or address.") var agent: String
    @Argument(help: "The workspace's name, or its folder.") var workspace: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let path = URL(filePath: workspace).absoluteURL.standardizedFileURL.path
      try await Owner.withConnection { owner in
        let held = try await owner.send("GET", SandboxSettingsRow.path(agent, "/settings"))
          .decoded(SandboxSettingsRow.self).settings.workspaces
        let named =
          held.first { $0.name == workspace }
          ?? held.first { $0.folder == path || $0.folder == workspace }
        let answer = try await owner.send(
          "DELETE",
          SandboxSettingsRow.path(agent, "/workspaces/\(Owner.pathSegment(named?.name ?? workspace))"))
        try SandboxSettingsRow.show(answer, output)
      }
    }
  }

  struct Network: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what of the network an agent's commands may reach.",
      discussion: """
        Example: osaurus-host sandbox network Ada pypi.org:443,files.pythonhosted.org:443
        Example: osaurus-host sandbox network Ada none

        none; loopback, one of its own which nobody else is on; or hosts by their names with their ports, through a proxy, *.name:port \
        for those below one. A command that wants those hosts still needs the permission 'network' each time: see \
        'osaurus-host sandbox requests'.
        """)

    @Argument(help: "The agent: its name, id or address.") var agent: String
    @Argument(help: "none, loopback, or name:port[,…].") var access: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      do {
        _ = try NetworkAccess(access)
      } catch {
        throw CommandFailure.wrongUsage(
          "\(error) It is none, loopback, or a list of hosts: example.org:443,*.example.com:443")
      }
      var order = ControlOrder()
      order.network = access
      try await Owner.withConnection { owner in
        let answer = try await owner.send("PUT", SandboxSettingsRow.path(agent, "/settings"), order)
        try SandboxSettingsRow.show(answer, output)
      }
    }
  }
}

/// A number, or what is so where nothing is said.
struct Limit<Number: LosslessStringConvertible & Sendable>: Sendable {
  /// nil for the standard.
  let number: Number?
  var isStandard: Bool { number == nil }

  @Sendable init(_ text: String) throws {
    guard text != "default" else {
      number = nil
      return
    }
    guard let number = Number(text) else { throw ValidationError("It is a number, or 'default'.") }
    self.number = number
  }
}

enum Switch: String, ExpressibleByArgument {
  case on, off
}

/// What is to be otherwise.
private struct ControlOrder: Encodable {
  var network: String?
  var memory: Int64?
  var processes: Int64?
  var processors: Double?
  var home: Int64?
  var commandsPerTurn: Int?
  var allowsBackground: Bool?
  var mayCreatePlugins: Bool?
  var waived: [String]?
  var reset: [String]?

  var isEmpty: Bool {
    network == nil && memory == nil && processes == nil && processors == nil && home == nil
      && commandsPerTurn == nil && allowsBackground == nil && mayCreatePlugins == nil && waived == nil
      && reset == nil
  }
}

/// The settings of an agent's sandbox.
struct SandboxSettingsRow: Decodable {
  let name: String
  let settings: SandboxSettings

  static func path(_ agent: String, _ part: String) -> String {
    "/control/sandbox/agents/\(Owner.pathSegment(agent))\(part)"
  }

  static func show(_ answer: Owner.Answer, _ output: OutputOptions) throws {
    if output.json { return try answer.show() }
    try answer.decoded(SandboxSettingsRow.self).facts.show()
  }

  private var facts: Facts {
    let standard = ResourceLimits()
    func limit(_ value: Int64?, _ other: UInt64, _ unit: String = "") -> String {
      value.map { "\($0)\(unit)" } ?? "\(other)\(unit) (default)"
    }
    var facts = Facts(title: "The sandbox of \(name)")
    facts.add("network", settings.network.replacing(",", with: "\n"))
    facts.add(
      "workspaces",
      settings.workspaces.isEmpty
        ? "none"
        : settings.workspaces.map {
          "/workspace/\($0.name) is \($0.folder)\($0.isWritable ? "" : ", read-only")"
        }.joined(separator: "\n"))
    facts.add("memory", limit(settings.memory.map { $0 >> 20 }, standard.memory >> 20, " MiB"))
    facts.add("processes", limit(settings.processes, standard.processes))
    facts.add("processors", settings.processors.map { "\($0)" } ?? "all (default)")
    facts.add("home", limit(settings.home.map { $0 >> 20 }, (standard.home ?? 0) >> 20, " MiB"))
    facts.add("commands in a turn", limit(settings.commandsPerTurn.map(Int64.init), 10))
    facts.add("background", settings.allowsBackground ? "on" : "off")
    facts.add("plugins of its own", settings.mayCreatePlugins ? "on" : "off")
    facts.add("does without", settings.waived.joined(separator: ", "))
    return facts
  }
}
