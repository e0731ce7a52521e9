import Foundation

/// What all tools of one agent share while they work, and who called the one that does.
struct ToolBench: Sendable {
  let context: ToolContext
  let allowance: CommandAllowance
  let processes: BackgroundProcesses
  let installs: InstallTurn
  let patches: PatchDesk
  let origin: ToolOrigin
  /// The agent's secrets, as they were when the call came.
  let secrets: [AgentSecret]

  init(_ context: ToolContext) {
    self.context = context
    allowance = CommandAllowance(most: context.commandsPerTurn)
    processes = BackgroundProcesses()
    installs = InstallTurn()
    patches = PatchDesk(profile: context.profile)
    origin = .agent
    secrets = []
  }

  private init(_ bench: ToolBench, origin: ToolOrigin, secrets: [AgentSecret]) {
    context = bench.context
    allowance = bench.allowance
    processes = bench.processes
    installs = bench.installs
    patches = bench.patches
    self.origin = origin
    self.secrets = secrets
  }

  func called(by origin: ToolOrigin) -> ToolBench { ToolBench(self, origin: origin, secrets: secrets) }
  func knowing(_ secrets: [AgentSecret]) -> ToolBench { ToolBench(self, origin: origin, secrets: secrets) }

  var files: ToolFiles { ToolFiles(profile: context.profile) }

  /// A text with every known secret hidden, as it has to be before a part of it is taken.
  func scrubbed(_ bytes: [UInt8]) -> [UInt8] {
    var scrubber = OutputScrubber(secrets, onTerminal: false)
    guard !scrubber.isIdle else { return bytes }
    return scrubber.pass(bytes) + scrubber.finish()
  }

  /// Tells the audit of a call. What is said of a call that is over cannot undo it.
  func tell(_ tool: String, _ envelope: ToolEnvelope, after duration: Duration) async {
    let step: ToolEvent.Step
    switch envelope {
    case .success: step = .called(outcome: .succeeded, duration: duration)
    case .failure(let failure):
      let reason = failure.metadata["code"]?.string ?? failure.kind.rawValue
      switch failure.kind {
      case .rejected, .userDenied, .invalidArguments, .toolNotFound: step = .refused(reason: reason)
      default: step = .called(outcome: .failed, duration: duration)
      }
    }
    // A tool that does not exist has no name that is worth keeping.
    if case .failure(let failure) = envelope, failure.kind == .toolNotFound { return }
    _ = try? await context.audit.record(
      ToolEvent(agent: context.agent, origin: origin, tool: tool, code: nil, step: step))
  }
}
