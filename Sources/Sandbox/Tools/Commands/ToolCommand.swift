import Foundation
import Synchronization

/// A command that a tool starts.
struct ToolCommand: Sendable {
  /// How long it may be silent, unless something else is asked for.
  static let standardSilence = 60
  static let mostSilence = 300
  /// How long it may run in all.
  static let mostTime = Duration.seconds(300)

  let tool: String
  /// What is started.
  let words: [String]
  /// What it is, for the one who permits it.
  let work: ToolAct.Work
  let code: ToolCode
  var folder: SandboxPath?
  /// Arguments that it finds in its environment.
  var variables: [String: String] = [:]
  var silence = Duration.seconds(Self.standardSilence)
  var time = Self.mostTime
  var isInBackground = false
  /// Whether it may reach what the agent's sandbox does; without, it reaches nothing.
  var wantsNetwork = false
  /// What it has in the place of the agent's own, where it is a plugin's.
  var plugin: PluginUse?
  /// The tools that it may call over the bridge, by their exact names.
  var tools: [String] = []

  /// - Throws: ``ToolFailure``, where it wants the network and the sandbox reaches none.
  func requireNetwork(of profile: SandboxProfile) throws(ToolFailure) {
    guard wantsNetwork, profile.network.policy == nil else { return }
    throw ToolFailure(
      .unavailable, "This sandbox reaches no network.", isRetryable: false,
      metadata: [
        "code": "NETWORK_UNAVAILABLE", "permission": "network",
        "how_to_ask": "The owner says which hosts the agent's sandbox may reach.",
      ])
  }
}

extension ToolBench {
  /// What a command may ask of its host.
  /// - Throws: ``ToolFailure``, where it may call nothing, or not that.
  func hostCalls(of command: ToolCommand) throws(ToolFailure) -> HostCalls {
    if let calls = command.plugin?.calls {
      return HostCalls(
        tools: calls.tools, plugin: calls.plugin, secrets: calls.secrets, mayInfer: calls.mayInfer)
    }
    guard !command.tools.isEmpty else { return HostCalls() }
    switch origin {
    case .owner, .agent: break
    case .bridge, .plugin:
      // Otherwise a command could give itself what it was not given.
      throw ToolFailure(
        .rejected, "What code in a sandbox starts calls no tools itself.", field: "tools",
        expected: "no `tools`", metadata: ["code": "TOOLS_NOT_NESTED"])
    }
    guard context.profile.bridge != nil else {
      throw ToolFailure(
        .unavailable, "Commands can call no tools here: there is no service that they could ask.",
        field: "tools", isRetryable: false, metadata: ["code": "NO_BRIDGE"])
    }
    if let unknown = command.tools.first(where: { !names.contains($0) }) {
      throw .invalid(
        "There is no tool `\(ToolSchema.shown(unknown))`.", field: "tools",
        expected: "exact names of \(names.sorted().map { "`\($0)`" }.joined(separator: ", "))")
    }
    return HostCalls(tools: Set(command.tools))
  }
}

/// A command that ended.
struct ToolCommandReport: Sendable {
  let result: ExecutionResult
  let wasSilent: Bool

  var output: String { result.standardOutput.text }
  var errors: String { result.standardError.text }
  var exitCode: Int32 { result.status }

  /// Who ended it, where it did not end by itself.
  var killedBy: String? {
    if wasSilent { return "idle_timeout" }
    return result.cause == .itself ? nil : result.cause.rawValue
  }
}

/// A command that was started.
struct StartedCommand: Sendable {
  let session: CommandSession
  /// What the record of its beginning was answered with.
  let begun: Int64
  /// The tools that it called so far.
  let called: CalledTools
}

/// When a command last said something, and whether it was ended for saying nothing.
private final class Silence: Sendable {
  private let latest = Mutex(ContinuousClock.now)
  private let isBroken = Mutex(false)

  func heard() { latest.withLock { $0 = .now } }
  var since: ContinuousClock.Instant { latest.withLock { $0 } }
  func end() { isBroken.withLock { $0 = true } }
  var wasTooLong: Bool { isBroken.withLock { $0 } }
}

extension ToolBench {
  /// Asks whoever has to permit it, keeps in the audit that it begins, and starts it.
  func start(
    _ command: ToolCommand, listener: @escaping @Sendable (_ isError: Bool, _ piece: [UInt8]) -> Void
  ) async throws -> StartedCommand {
    noted.code = command.code
    var request = ExecutionRequest(command.words)
    request.folder = command.folder
    request.timeLimit = command.time
    request.isLong = command.time > ExecutionRequest.mostTime
    for (name, value) in command.variables { try request.environment.setArgument(name, to: value) }
    for secret in command.plugin?.secrets ?? secrets { try request.environment.add(secret) }
    request.hostCalls = try hostCalls(of: command)
    // What cannot be run is not asked about.
    try request.check()
    let whole = command.plugin?.launcher ?? context.launcher
    try command.requireNetwork(of: whole.profile)
    let launcher = try command.wantsNetwork ? whole : whole.withoutNetwork()
    try await state.allowance.take(atMost: context.commandsPerTurn)
    do {
      try await context.gate.admit(
        ToolAct(
          tool: command.tool, origin: origin, work: command.work, folder: command.folder,
          isLong: request.isLong, wantsNetwork: command.wantsNetwork, variables: command.variables,
          tools: command.tools))
    } catch {
      await state.allowance.giveBack()
      throw error
    }
    let begun: Int64
    do {
      begun = try await record(command, .begun, tools: command.tools.sorted())
    } catch {
      throw ToolFailure(.unavailable, "The audit cannot be written, and without it nothing is run.")
    }
    do {
      let session = try await context.sessions.start(
        request, for: context.agent, with: launcher, listener: listener)
      return StartedCommand(session: session, begun: begun, called: request.hostCalls.called)
    } catch {
      _ = try? await record(
        command, .ended(begun: begun, outcome: .notStarted, exitCode: 0, duration: .zero, peakMemory: 0))
      throw error
    }
  }

  /// Runs a command to its end, or until it is silent for too long. Where the wait is cancelled, so is the command.
  func run(_ command: ToolCommand) async throws -> ToolCommandReport {
    let silence = Silence()
    let started = try await start(command) { _, _ in silence.heard() }
    let session = started.session
    silence.heard()
    let watch = Task {
      while !session.isOver {
        let end = silence.since + command.silence
        if ContinuousClock.now >= end {
          silence.end()
          return session.terminate(.timeLimit)
        }
        try await Task.sleep(until: end)
      }
    }
    defer { watch.cancel() }
    return try await withTaskCancellationHandler {
      // Also of a cancelled call the end is waited for, and kept.
      let result = try await settled(started, command)
      return ToolCommandReport(result: result, wasSilent: silence.wasTooLong && result.cause == .timeLimit)
    } onCancel: {
      session.terminate()
    }
  }

  /// The end of a command, which the audit is told of.
  func settled(_ started: StartedCommand, _ command: ToolCommand) async throws -> ExecutionResult {
    let begun = started.begun
    do {
      let result = try await Task { try await started.session.result() }.value
      _ = try? await record(
        command,
        .ended(
          begun: begun, outcome: result.outcome, exitCode: result.status, duration: result.duration,
          peakMemory: result.mostMemory), tools: started.called.names)
      return result
    } catch {
      _ = try? await record(
        command, .ended(begun: begun, outcome: .notStarted, exitCode: 0, duration: .zero, peakMemory: 0))
      throw error
    }
  }

  private func record(
    _ command: ToolCommand, _ step: ToolEvent.Step, tools: [String] = []
  ) async throws -> Int64 {
    try await context.audit.record(
      ToolEvent(
        agent: context.agent, origin: origin, tool: command.tool, code: command.code, step: step,
        tools: tools))
  }
}

extension ExecutionResult {
  var outcome: ToolOutcome {
    switch cause {
    case .itself: if case .exited = ending { .exited } else { .signalled }
    case .timeLimit: .timeLimit
    case .request: .cancelled
    case .memory: .memory
    case .processes: .processes
    case .disk, .home: .disk
    case .output: .output
    case .service: .serviceEnded
    }
  }
}

extension SandboxEnvironment {
  /// Sets a variable that carries an argument of a plugin's tool.
  mutating func setArgument(_ name: String, to value: String) throws(SandboxError) {
    guard name.hasPrefix("PARAM_"), VariableRules.isName(name) else {
      throw .variableRefused(name: name, .malformedName)
    }
    guard !value.utf8.contains(0), value.utf8.count <= AgentSecret.longest else {
      throw .variableRefused(name: name, .malformedValue)
    }
    put(name, value)
  }
}

extension SandboxLauncher {
  /// The same for a command that reaches nothing outside; a loopback of its own stays.
  func withoutNetwork() throws(SandboxError) -> SandboxLauncher {
    guard profile.network.policy != nil else { return self }
    var profile = profile
    profile.network = .none
    return try SandboxLauncher(profile: profile, programs: programs)
  }
}
