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
  ) async throws -> (session: CommandSession, begun: Int64) {
    var request = ExecutionRequest(command.words)
    request.folder = command.folder
    request.timeLimit = command.time
    request.isLong = command.time > ExecutionRequest.mostTime
    for (name, value) in command.variables { try request.environment.setArgument(name, to: value) }
    for secret in command.plugin?.secrets ?? secrets { try request.environment.add(secret) }
    if let plugin = command.plugin { request.hostCalls = plugin.calls }
    // What cannot be run is not asked about.
    try request.check()
    let whole = command.plugin?.launcher ?? context.launcher
    try command.requireNetwork(of: whole.profile)
    let launcher = try command.wantsNetwork ? whole : whole.withoutNetwork()
    try await allowance.take()
    try await context.gate.admit(
      ToolAct(
        tool: command.tool, origin: origin, work: command.work, folder: command.folder,
        isLong: request.isLong, wantsNetwork: command.wantsNetwork, variables: command.variables))
    let begun: Int64
    do {
      begun = try await record(command, .begun)
    } catch {
      throw ToolFailure(.unavailable, "The audit cannot be written, and without it nothing is run.")
    }
    do {
      let session = try await context.sessions.start(
        request, for: context.agent, with: launcher, listener: listener)
      return (session, begun)
    } catch {
      _ = try? await record(
        command, .ended(begun: begun, outcome: .notStarted, exitCode: 0, duration: .zero, peakMemory: 0))
      throw error
    }
  }

  /// Runs a command to its end, or until it is silent for too long. Where the wait is cancelled, so is the command.
  func run(_ command: ToolCommand) async throws -> ToolCommandReport {
    let silence = Silence()
    let (session, begun) = try await start(command) { _, _ in silence.heard() }
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
      let result = try await settled(session, command, begun)
      return ToolCommandReport(result: result, wasSilent: silence.wasTooLong && result.cause == .timeLimit)
    } onCancel: {
      session.terminate()
    }
  }

  /// The end of a command, which the audit is told of.
  func settled(
    _ session: CommandSession, _ command: ToolCommand, _ begun: Int64
  ) async throws -> ExecutionResult {
    do {
      let result = try await Task { try await session.result() }.value
      _ = try? await record(
        command,
        .ended(
          begun: begun, outcome: result.outcome, exitCode: result.status, duration: result.duration,
          peakMemory: result.mostMemory))
      return result
    } catch {
      _ = try? await record(
        command, .ended(begun: begun, outcome: .notStarted, exitCode: 0, duration: .zero, peakMemory: 0))
      throw error
    }
  }

  private func record(_ command: ToolCommand, _ step: ToolEvent.Step) async throws -> Int64 {
    try await context.audit.record(
      ToolEvent(agent: context.agent, origin: origin, tool: command.tool, code: command.code, step: step))
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
