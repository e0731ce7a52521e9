public import Foundation
import Synchronization

/// The commands that run in a host's sandboxes, each under an identifier of its agent's.
public actor CommandSessions {
  /// How many may run.
  public static let mostRunning = 16
  /// How many are kept, with those that have ended.
  public static let mostKept = 32

  private struct Entry {
    let agent: UUID
    let session: CommandSession
  }

  private var entries: [CommandSessionID: Entry] = [:]
  /// In the order in which they were started.
  private var order: [CommandSessionID] = []

  public init() {}

  /// Starts a command.
  /// - Parameter listener: is told of what it says as it says it, from the command's own thread.
  /// - Throws: ``SandboxError/tooManyRunning(_:)``, or why the request is refused.
  public func start(
    _ request: ExecutionRequest, for agent: UUID, with launcher: SandboxLauncher,
    listener: (@Sendable (_ isError: Bool, _ piece: [UInt8]) -> Void)? = nil
  ) throws(SandboxError) -> CommandSession {
    let running = entries.values.count { !$0.session.isOver }
    guard running < Self.mostRunning else { throw .tooManyRunning(Self.mostRunning) }
    let session = try CommandSession(request, with: launcher, listener: listener)
    entries[session.id] = Entry(agent: agent, session: session)
    order.append(session.id)
    // The oldest that have ended make room.
    while order.count > Self.mostKept,
      let oldest = order.firstIndex(where: { entries[$0]?.session.isOver ?? true })
    {
      entries[order.remove(at: oldest)] = nil
    }
    return session
  }

  /// Runs a command to its end. Where the wait is cancelled, so is the command.
  /// - Throws: ``SandboxError``.
  public func run(
    _ request: ExecutionRequest, for agent: UUID, with launcher: SandboxLauncher
  ) async throws -> ExecutionResult {
    let session = try start(request, for: agent, with: launcher)
    return try await withTaskCancellationHandler {
      try await session.result()
    } onCancel: {
      session.terminate()
    }
  }

  /// An agent's command.
  /// - Throws: ``SandboxError/noSuchSession``, also for another agent's.
  public func session(_ id: CommandSessionID, of agent: UUID) throws(SandboxError) -> CommandSession {
    guard let entry = entries[id], entry.agent == agent else { throw .noSuchSession }
    return entry.session
  }

  /// An agent's commands, the oldest first.
  public func sessions(of agent: UUID) -> [CommandSession] {
    order.compactMap { entries[$0] }.filter { $0.agent == agent }.map(\.session)
  }

  /// Ends all commands, and returns when all are gone.
  public func stopAll() async {
    let running = entries.values.map(\.session).filter { !$0.isOver }
    for session in running { session.terminate(.service) }
    for session in running { await session.wait() }
  }
}

extension CommandSession {
  /// Whether it has ended, or never ran.
  public var isOver: Bool { state.withLock { $0.phase.isOver } }
}
