import Foundation
import Sandbox
import Stores

extension AuditEvent {
  /// What the audit says of a word of the owner's on what an agent asked for; nil for a question without one.
  static func permissions(_ event: PermissionEvent) -> AuditEvent? {
    let outcome: AuditOutcome
    switch event.kind {
    case .asked, .expired: return nil
    case .granted: outcome = .granted
    case .denied: outcome = .denied
    }
    let names = event.permissions.map(\.rawValue).joined(separator: " ")
    return .permission(
      .owner, agent: event.agent, name: event.scope.map { "\(names) (\($0))" } ?? names,
      outcome: outcome, code: CodeDigest(hex: event.digest))
  }

  /// What it says of the mode that an agent is given.
  static func mode(_ mode: PermissionMode, of agent: UUID) -> AuditEvent {
    .permission(.owner, agent: agent, name: "mode \(mode.rawValue)", outcome: .granted)
  }

  /// What it says where all is taken back that an agent was allowed for a while.
  static func revoked(from agent: UUID) -> AuditEvent {
    .permission(.owner, agent: agent, name: "all", outcome: .denied)
  }
}
