public import Foundation

/// What code it is about, for who keeps a digest of it. The code itself is kept nowhere.
public enum ToolCode: Hashable, Sendable {
  case text(String)
  case words([String])
}

/// How something ended, in one word of a few.
public enum ToolOutcome: String, Codable, CaseIterable, Sendable {
  case exited, signalled, timeLimit, memory, processes, disk, output, cancelled, serviceEnded, notStarted,
    refused, succeeded, failed
}

/// Something that a tool did, for the audit.
public struct ToolEvent: Sendable {
  public enum Step: Sendable {
    /// A command is about to start.
    case begun
    /// It ended. `begun` is what the record of its beginning was answered with.
    case ended(
      begun: Int64, outcome: ToolOutcome, exitCode: Int32, duration: Duration, peakMemory: UInt64)
    /// Nothing was started or done: why, in a word or two.
    case refused(reason: String)
    /// A tool that starts no command was called.
    case called(outcome: ToolOutcome, duration: Duration)
  }

  public let agent: UUID
  public let origin: ToolOrigin
  public let tool: String
  public let code: ToolCode?
  public let step: Step
  /// The tools that the command may call, at its beginning; those that it called, at its end.
  public var tools: [String] = []
}

/// Keeps what tools did.
public protocol ToolAudit: Sendable {
  /// - Returns: the number of the record. Where the record of a beginning cannot be kept, nothing is started.
  func record(_ event: ToolEvent) async throws -> Int64
}

/// Keeps nothing.
public struct NoAudit: ToolAudit {
  public init() {}
  public func record(_ event: ToolEvent) -> Int64 { 0 }
}
