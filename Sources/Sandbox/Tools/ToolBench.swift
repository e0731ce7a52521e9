import Foundation
import Synchronization

/// What all tools of one agent share while they work, and who called the one that does.
struct ToolBench: Sendable {
  let context: ToolContext
  let state: ToolState
  let patches: PatchDesk
  var origin = ToolOrigin.agent
  /// The agent's secrets, as they were when the call came.
  var secrets: [AgentSecret] = []
  /// The names of all tools that the agent has.
  var names: Set<String> = []
  /// What the call was about to run.
  var noted = NotedCode()

  init(_ context: ToolContext, _ state: ToolState) {
    self.context = context
    self.state = state
    patches = PatchDesk(profile: context.profile)
  }

  /// The same for one call.
  func called(by origin: ToolOrigin, among names: [String] = []) -> ToolBench {
    var bench = self
    (bench.origin, bench.names, bench.noted) = (origin, Set(names), NotedCode())
    return bench
  }

  func knowing(_ secrets: [AgentSecret]) -> ToolBench {
    var bench = self
    bench.secrets = secrets
    return bench
  }

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
      ToolEvent(agent: context.agent, origin: origin, tool: tool, code: noted.code, step: step))
  }
}

/// What one call was about to run, also where it did not come to that.
final class NotedCode: Sendable {
  private let held = Mutex<ToolCode?>(nil)

  var code: ToolCode? {
    get { held.withLock { $0 } }
    set { held.withLock { $0 = newValue } }
  }
}
