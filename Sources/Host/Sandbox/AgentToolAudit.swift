import Foundation
import Sandbox
import Stores
import Synchronization

/// Writes what the tools of agents did into the audit of this host.
struct AgentToolAudit: ToolAudit {
  let log: AuditLog

  func record(_ event: ToolEvent) async throws -> Int64 {
    let (origin, code) = (Self.origin(event.origin), event.code.map(Self.digest))
    switch event.step {
    case .begun:
      // Nothing starts before it is written down.
      return try await log.append(
        .begun(
          origin, agent: event.agent, code: code ?? CodeDigest(command: event.tool),
          allowedTools: event.tools))
    case .ended(let begun, let outcome, let exitCode, let duration, let peakMemory):
      log.note(
        .ended(
          begun, by: origin, outcome: Self.outcome(outcome), exitCode: exitCode, calledTools: event.tools,
          duration: duration, peakMemory: peakMemory))
    case .refused(let reason):
      log.note(.refused(origin, agent: event.agent, code: code, reason: "\(event.tool): \(reason)"))
    case .called(let outcome, let duration):
      log.note(
        .toolCall(
          origin, agent: event.agent, tool: event.tool, code: code, outcome: Self.outcome(outcome),
          duration: duration))
    }
    return 0
  }

  static func origin(_ origin: ToolOrigin) -> AuditEvent.Origin {
    switch origin {
    case .owner: .owner
    case .agent: .agent
    case .bridge: .bridge
    case .plugin: .plugin
    }
  }

  private static func digest(_ code: ToolCode) -> CodeDigest {
    switch code {
    case .text(let text): CodeDigest(command: text)
    case .words(let words): CodeDigest(arguments: words)
    }
  }

  /// Both spell the same words.
  static func outcome(_ outcome: ToolOutcome) -> AuditOutcome {
    AuditOutcome(name: outcome.rawValue) ?? .failed
  }
}

/// Writes the connections that a command asked for into the audit: each of the first ones and, in one record, how many more there
/// were, so that no command can fill the audit.
final class ConnectionAudit: Sendable {
  /// How many have a record of their own.
  static let most = 256

  private let log: AuditLog
  private let agent: UUID?
  private let origin: AuditEvent.Origin
  private let count = Mutex(0)

  init(_ log: AuditLog, agent: UUID?, origin: ToolOrigin) {
    self.log = log
    self.agent = agent
    self.origin = AgentToolAudit.origin(origin)
  }

  deinit {
    let more = count.withLock { $0 } - Self.most
    guard more > 0 else { return }
    log.note(
      .connection(
        origin, agent: agent, place: "and \(more) more", outcome: .none, bytes: 0, duration: .zero))
  }

  /// Counts some of which nothing else is known.
  func note(more: Int) { count.withLock { $0 = max($0, Self.most) &+ max(0, more) } }

  func note(_ record: EgressRecord) {
    let isKept = count.withLock { count in
      count += 1
      return count <= Self.most
    }
    if isKept { log.note(.connection(record, agent: agent, by: origin)) }
  }
}

extension AuditEvent {
  /// What the audit has of a connection.
  static func connection(_ record: EgressRecord, agent: UUID?, by origin: Origin) -> AuditEvent {
    let outcome: AuditOutcome =
      switch record.outcome {
      case .connected: .succeeded
      case .malformed, .notListed, .addressRefused, .tooMany: .refused
      case .unresolved, .unreachable, .timedOut, .abandoned: .failed
      }
    // What is no host may be anything.
    let place =
      record.host.isEmpty || record.outcome == .malformed
      ? record.outcome.rawValue : "\(record.outcome.rawValue) \(record.host):\(record.port)"
    return .connection(
      origin, agent: agent, place: place, outcome: outcome,
      bytes: record.sent.addingReportingOverflow(record.received).partialValue,
      duration: .seconds(min(max(record.seconds, 0), 1e9)))
  }
}
