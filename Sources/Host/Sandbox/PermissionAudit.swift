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
    return .permission(
      .owner, agent: event.agent, name: event.permissions.map(\.rawValue).joined(separator: " "),
      outcome: outcome, code: CodeDigest(hex: event.digest))
  }
}
