import Agents
import Crypto
import Foundation
import HTTPTypes
import Identity
import Inference
import Logging
import Stores
import Synchronization

/// What code in sandboxes gave its agents to do: each task is a question in a conversation of its own, whose answer is kept there
/// and waited for by nobody.
final class SandboxTasks: Sendable {
  /// The longest task, in bytes.
  static let longest = 256 << 10
  /// How many one agent works at.
  static let mostOfOne = 2
  /// How many all agents work at.
  static let most = 8

  private let runner: AgentRunner
  private let logger: Logger
  private let running = Mutex<(isClosed: Bool, tasks: [UUID: (agent: UUID, work: Task<Void, Never>)])>(
    (false, [:]))

  init(runner: AgentRunner, logger: Logger) {
    self.runner = runner
    self.logger = logger
  }

  /// Has an agent work at something.
  /// - Parameter sessionKey: names a conversation of the caller's choice, which goes on.
  /// - Returns: the conversation in which the answer will be; nil where that is not for the caller to go on with.
  /// - Throws: ``BridgeFailure`` where it works at enough already.
  func start(_ text: String, by agent: AgentRecord, sessionKey: String?) async throws -> UUID? {
    let session = sessionKey.map { Self.session($0, of: agent.id) } ?? UUID()
    let options = RunOptions(
      sessionID: session, persist: true, source: .sandbox, opener: .sandbox(of: agent.id))
    guard try await runner.mayOpenSession(with: agent, options) else { return nil }
    let request = ChatRequest(model: "", messages: [.user(text)])
    let refusal: BridgeFailure? = running.withLock { running in
      if running.isClosed { return .unavailable("The service is stopping.") }
      if running.tasks[session] != nil {
        return BridgeFailure(
          .tooManyRequests, "This conversation waits for an answer already.", retryAfter: 5)
      }
      let own = running.tasks.values.count { $0.agent == agent.id }
      guard own < Self.mostOfOne, running.tasks.count < Self.most else {
        return BridgeFailure(.tooManyRequests, "The agent works at enough already.", retryAfter: 5)
      }
      running.tasks[session] = (agent.id, Task { await self.work(at: request, agent, options, session) })
      return nil
    }
    if let refusal { throw refusal }
    return session
  }

  private func work(
    at request: ChatRequest, _ agent: AgentRecord, _ options: RunOptions, _ session: UUID
  ) async {
    do {
      let run = try await runner.run(agent, request, options: options)
      for try await _ in run.events {}
    } catch {
      logger.warning(
        "a task from a sandbox was not done",
        metadata: ["agent": "\(agent.id)", "task": "\(session)", "reason": "\(error)"])
    }
    running.withLock { $0.tasks[session] = nil }
  }

  /// Waits until nothing is worked at.
  func settle() async {
    while let work = running.withLock({ $0.tasks.first?.value.work }) { await work.value }
  }

  /// Ends all of them, and takes no more.
  func close() async {
    let tasks = running.withLock { running in
      running.isClosed = true
      return running.tasks.values.map(\.work)
    }
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
  }

  /// The conversation that a key names, always the same for one agent. (RFC 9562, version 8)
  static func session(_ key: String, of agent: UUID) -> UUID {
    var bytes = Array(
      SHA256.hash(data: Data("osaurus sandbox task\n\(agent.uuidString)\n\(key)".utf8)).prefix(16))
    bytes[6] = bytes[6] & 0x0f | 0x80
    bytes[8] = bytes[8] & 0x3f | 0x80
    return bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }
}
