import Foundation

/// A look into the sandbox by a program that runs in it: however long its expression takes and whatever it runs into, it is bounded
/// in time, memory and output, and sees nothing but what the agent does.
struct SandboxLook: Sendable {
  static let time = Duration.seconds(20)
  static let mostOutput = 1 << 20

  /// What it found, with secrets hidden, in whole lines.
  let lines: [ArraySlice<UInt8>]
  let errors: String
  let status: Int32
  /// Whether it was ended before it was through.
  let isPartial: Bool
  let ranOutOfTime: Bool

  /// - Parameter separator: what ends a line.
  init(_ words: [String], separator: UInt8, at bench: ToolBench) async throws {
    var profile = bench.context.profile
    profile.network = .none
    profile.limits.output = Self.mostOutput
    profile.limits.memory = min(profile.limits.memory, 512 << 20)
    profile.limits.processes = min(profile.limits.processes, 16)
    let launcher = try SandboxLauncher(profile: profile, programs: bench.context.launcher.programs)
    var request = ExecutionRequest(words)
    request.timeLimit = Self.time
    request.grace = .zero
    let result = try await bench.context.sessions.run(request, for: bench.context.agent, with: launcher)
    // Of more than is kept, the beginning; a last line that is cut is none.
    let output = result.standardOutput
    var bytes = output.dropped > 0 ? output.head : output.head + output.tail
    let isCut = output.dropped > 0 || result.cause != .itself
    if isCut {
      let end = bytes.lastIndex(of: separator).map { $0 + 1 } ?? 0
      bytes.removeSubrange(end...)
    }
    lines = bench.scrubbed(bytes).split(separator: separator)
    errors = result.standardError.text
    status = result.status
    isPartial = isCut
    ranOutOfTime = result.cause == .timeLimit
  }
}
