import ArgumentParser
import Foundation
import Host
import Keyring
import Sandbox
import Stores

/// `sandbox exec`: one command, in an agent's sandbox or in one that is gone afterwards.
struct SandboxExecCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec",
    abstract: "Run a command in isolation, as an agent's would be run.",
    discussion: """
      Example: osaurus-host sandbox exec -- sh -c 'id; ls -la /'
      Example: osaurus-host sandbox exec --network pypi.org:443,files.pythonhosted.org:443 -- pip download six
      Example: osaurus-host sandbox exec --agent Ada --workspace ~/project --cwd /workspace/project -- make test
      Example: osaurus-host sandbox exec --agent Ada --bridge -- osaurus-host agent memory query ladder

      Without --agent the home is an empty one that is gone afterwards. With it, the agent's settings hold where nothing else \
      is said here: see 'osaurus-host sandbox settings'. Its exit code is this command's: 128 and the number \
      of a signal, 124 after the time limit. 125 means that it did not run. With --json the result is printed as an object, \
      and the exit code is 0 if it ran. Where there is a host, its audit has a record of it: see 'osaurus-host audit'.
      """)

  @Option(help: "The agent in whose home it runs: its name, id or address.") var agent: String?
  @Option(
    help: ArgumentHelp("A folder that it may change, under /workspace. May be repeated.", valueName: "folder")
  )
  var workspace: [String] = []
  @Option(
    help: ArgumentHelp("A folder that it may read, under /workspace. May be repeated.", valueName: "folder"))
  var readOnly: [String] = []
  @Option(help: "Where it runs: a path inside. By default its home.") var cwd: String?
  @Option(
    help: ArgumentHelp(
      "A variable for it: NAME=VALUE, or NAME to pass the one of this shell.", valueName: "variable"))
  var env: [String] = []
  @Option(
    help: ArgumentHelp(
      "none; loopback, one of its own which nobody else is on; or the hosts that it may reach, through a proxy: NAME:PORT[,…], or *.NAME:PORT.",
      valueName: "access"), transform: Self.access)
  var network: NetworkAccess?
  @Option(help: "Seconds after which it is ended; at most 300 without --long-timeout.") var timeout = 30
  @Flag(help: "Give it the way to the running service that the agent's commands have; needs --agent.")
  var bridge = false
  @Option(
    help: ArgumentHelp(
      "A tool that it may call there, by its exact name; needs --bridge. May be repeated.", valueName: "name")
  )
  var tool: [String] = []
  @Flag(help: "Let --timeout be more than 300 seconds, up to a day.") var longTimeout = false
  @Option(help: "Mebibytes of memory that it may take.") var memory: Int?
  @Option(help: "Processes and threads that it may have.") var processes: Int?
  @Option(help: "Mebibytes that its home may take on the disk.") var home: Int?
  @Option(help: "Processors' worth of time that it may take, where a control group can limit that.")
  var processors: Double?
  @Option(
    help: ArgumentHelp(
      "Do without a layer that this machine does not have: landlock, or systemCalls. It is shown in the result.",
      valueName: "layer"), transform: Self.layer)
  var without: [IsolationLayer] = []
  @OptionGroup var output: OutputOptions
  @Argument(parsing: .postTerminator, help: "The command and its arguments, after --.") var command:
    [String] = []

  @Sendable private static func access(_ text: String) throws -> NetworkAccess {
    do {
      return try NetworkAccess(text)
    } catch {
      throw ValidationError(
        "\(error) It is none, loopback, or a list of hosts: example.org:443,*.example.com:443")
    }
  }

  @Sendable private static func layer(_ text: String) throws -> IsolationLayer {
    guard let layer = IsolationLayer(rawValue: text) else {
      throw ValidationError("There is no layer '\(text)': landlock or systemCalls can be done without.")
    }
    return layer
  }

  func validate() throws {
    guard !command.isEmpty else { throw ValidationError("Say what to run, after --.") }
    guard !bridge || agent != nil else {
      throw ValidationError("--bridge needs --agent: it is an agent's way.")
    }
    guard tool.isEmpty || bridge else { throw ValidationError("--tool needs --bridge.") }
    guard timeout > 0, memory ?? 16 >= 16, processes ?? 2 >= 2, home ?? 1 >= 1, processors ?? 1 > 0,
      processors ?? 1 < 10_000
    else {
      throw ValidationError(
        "Limits are positive: --timeout 1, --memory 16, --processes 2 and --home 1 are the least.")
    }
  }

  func run() async throws {
    try await ExecutionAudit.keeping(required: agent != nil) { audit in
      let place = try await SandboxPlace.of(agent, audit.owner)
      defer { place.leave() }
      guard bridge, let agent else { return try await run(in: place, audit, bridge: nil) }
      try await OwnersBridge.lend(to: agent, tools: tool) { try await run(in: place, audit, bridge: $0) }
    }
  }

  private func run(in place: SandboxPlace, _ audit: ExecutionAudit, bridge: SandboxBridge?) async throws {
    let execution = audit.execution(of: command, agent: agent == nil ? nil : place.agent, tools: tool)
    let settings = try await settings(audit.owner)
    let heard = HeardConnections()
    let launcher: SandboxLauncher
    let request: ExecutionRequest
    do {
      var profile = try profile(place.places, settings)
      profile.bridge = bridge
      profile.onConnection = { heard.note($0) }
      launcher = try SandboxLauncher(profile: profile)
      request = try self.request(in: launcher.profile)
      try request.check()
    } catch {
      try await execution.refused((error as? SandboxError)?.refusalWords ?? "path")
      throw error
    }
    let begun = try await execution.begun()
    // The terminal's own words would be part of an object.
    let onTerminal = !output.json && Terminal.inputIsTerminal && Terminal.outputIsTerminal
    let result: ExecutionResult
    do {
      result = try await SandboxConsole(isInteractive: onTerminal, isQuiet: output.json).run(
        request, with: launcher)
    } catch let error as SandboxError {
      await begun?.notStarted(error.refusalWords)
      if output.json { throw error }
      let failure = FailureTranslation.failure(for: error)
      Terminal.note("osaurus-host: \(failure)")
      throw ExitCode(125)
    }
    await begun?.connected(heard)
    await begun?.ended(result)
    if output.json { return Terminal.say(try JSONText.encode(SandboxOutcome(result))) }
    for weakness in result.weaknesses {
      Terminal.note("osaurus-host: ran without \(weakness.layer.plainWords): \(weakness.detail)")
    }
    if let sentence = SandboxOutcome.sentence(result.cause) { Terminal.note("osaurus-host: \(sentence)") }
    throw ExitCode(result.cause == .timeLimit ? 124 : result.status)
  }

  /// What the owner said of the agent's sandbox, which holds where nothing else is said here.
  private func settings(_ owner: Owner?) async throws -> SandboxSettings {
    guard let agent, let owner else { return SandboxSettings() }
    return try await owner.send("GET", SandboxSettingsRow.path(agent, "/settings"))
      .decoded(SandboxSettingsRow.self).settings
  }

  private func profile(_ places: AgentPlaces, _ settings: SandboxSettings) throws -> SandboxProfile {
    var profile = try settings.profile(in: places)
    for (folders, isWritable) in [(workspace, true), (readOnly, false)] {
      for folder in folders {
        let grant = try WorkspaceGrant(
          folder: URL(filePath: folder).absoluteURL.standardizedFileURL.path, isWritable: isWritable)
        // What is said here holds.
        profile.grants.removeAll { $0.folder == grant.folder }
        profile.grants.append(grant)
      }
    }
    if let network { profile.network = network }
    profile.root = try RootImages(in: OpenHost.folders().data.appending(path: "sandbox")).current()
    if let memory { profile.limits.memory = UInt64(memory) << 20 }
    if let processes { profile.limits.processes = UInt64(processes) }
    if let processors { profile.limits.processors = processors }
    if let home { profile.limits.home = UInt64(home) << 20 }
    profile.waived.formUnion(without)
    return profile
  }

  private func request(in profile: SandboxProfile) throws -> ExecutionRequest {
    var request = ExecutionRequest(command)
    request.timeLimit = .seconds(timeout)
    request.isLong = longTimeout
    if let cwd {
      do {
        request.folder = try SandboxPath(cwd, in: profile.reachable)
      } catch {
        throw CommandFailure.wrongUsage("Argument `cwd` rejected: \(error.reason). Got `\(cwd)`.")
      }
    }
    let own = ProcessInfo.processInfo.environment
    for variable in env {
      let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
        String.init)
      guard let value = parts.count == 2 ? parts[1] : own[parts[0]] else { continue }
      try request.environment.set(parts[0], to: value)
    }
    return request
  }
}

/// Where a command runs: an agent's places, or some that are gone afterwards.
struct SandboxPlace {
  let agent: UUID
  let places: AgentPlaces
  private let temporary: URL?

  static func of(_ agent: String?) async throws -> SandboxPlace {
    guard let agent else { return try await of(nil, nil) }
    return try await Owner.withConnection { try await of(agent, $0) }
  }

  /// - Parameter owner: the way to the host, which an agent takes.
  static func of(_ agent: String?, _ owner: Owner?) async throws -> SandboxPlace {
    if let agent {
      guard let owner else { throw HostError.notInitialised }
      let id = try await AgentRow.find(agent, owner).id
      guard let id = UUID(uuidString: id) else { throw CommandFailure.notFound("'\(agent)' has no sandbox.") }
      let folder = try OpenHost.folders().data.appending(path: "sandbox")
      return SandboxPlace(agent: id, places: AgentPlaces(agent: id, in: folder), temporary: nil)
    }
    let id = UUID()
    let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
      .appending(path: "osaurus-sandbox-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    return SandboxPlace(
      agent: id, places: AgentPlaces(agent: id, in: folder.appending(path: "sandbox")), temporary: folder)
  }

  func leave() {
    if let temporary { try? FileManager.default.removeItem(at: temporary) }
  }
}

/// A result for scripts.
struct SandboxOutcome: Encodable {
  let exitCode: Int32
  let signal: Int32?
  let endedBy: ExecutionResult.Cause
  let stdout: String
  let stderr: String
  let stdoutDropped: Int
  let stderrDropped: Int
  let seconds: Double
  let processorSeconds: Double
  let mostMemory: UInt64
  let layers: [LayerReport]

  init(_ result: ExecutionResult) {
    exitCode = result.status
    signal = if case .signalled(let number) = result.ending { number } else { nil }
    endedBy = result.cause
    stdout = result.standardOutput.text
    stderr = result.standardError.text
    stdoutDropped = result.standardOutput.dropped
    stderrDropped = result.standardError.dropped
    seconds = result.duration / .seconds(1)
    processorSeconds = result.processorTime / .seconds(1)
    mostMemory = result.mostMemory
    layers = result.layers
  }

  static func sentence(_ cause: ExecutionResult.Cause) -> String? {
    switch cause {
    case .itself, .request, .service: nil
    case .timeLimit: "It was ended at its time limit (--timeout)."
    case .memory: "It was ended: its processes took more memory than they may (--memory)."
    case .processes: "It was ended: it had more processes than it may (--processes)."
    case .disk: "It was ended: the disk is nearly full."
    case .home:
      "It was ended: its home takes more than it may (--home). It can be made smaller, and not grow."
    case .output: "It was ended: it said more than it may."
    }
  }
}
