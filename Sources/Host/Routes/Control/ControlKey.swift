import Foundation
import Identity
import Stores

/// An access key as its owner sees it: everything but its text.
struct ControlKey: Codable, Hashable, Sendable {
  /// What a key is worth now.
  enum Status: String, Codable, Sendable {
    case active
    case expired
    case revoked
    /// It is good for the whole host and for ever, as keys once were made.
    case legacy
    /// It is for an address that is none of this host's any more, and opens nothing.
    case stale
  }

  let id: UUID
  let label: String?
  let fingerprint: String
  let status: Status
  /// What to do about it; nil where there is nothing to do.
  let advice: String?
  /// `master` or `agent`.
  let scope: String
  /// The name of the agent that it opens, where there still is one.
  let agent: String?
  let audience: Address
  let issuer: Address
  let counter: Int64
  let createdAt: Date
  /// What was asked for: `30d`, `90d`, `1y` or `never`.
  let expires: AccessKeyExpiry
  let expiresAt: Date?
  let revokedAt: Date?
  /// When it was last used, as far as that is known.
  let lastUsedAt: Date?

  /// Whom keys may be for.
  struct Audiences {
    let master: Address
    let agents: [Address: String]

    init(master: Address, agents: [AgentRecord]) {
      self.master = master
      self.agents = agents.reduce(into: [:]) { names, agent in
        if let address = agent.address { names[address] = agent.name }
      }
    }
  }

  init(_ record: AccessKeyRecord, among audiences: Audiences, now: Date = Date()) {
    id = record.id
    label = record.label
    fingerprint = record.fingerprint
    agent = audiences.agents[record.audience]
    scope = record.audience == audiences.master ? "master" : "agent"
    audience = record.audience
    issuer = record.issuer
    counter = record.counter
    createdAt = record.createdAt
    expires = record.expiry
    expiresAt = record.expiresAt
    revokedAt = record.revokedAt
    lastUsedAt = record.lastUsedAt
    status =
      if record.revokedAt != nil {
        .revoked
      } else if scope == "agent", agent == nil {
        .stale
      } else if let end = record.expiresAt {
        end <= now ? .expired : .active
      } else {
        scope == "master" ? .legacy : .active
      }
    advice =
      switch status {
      case .active, .expired, .revoked: nil
      case .legacy:
        """
        It opens the whole host and never ends. Make one for one agent in its place (osaurus-host key create --agent \
        NAME), then: osaurus-host key revoke \(record.fingerprint)
        """
      case .stale:
        "Its address is none of this host's any more, so it opens nothing: osaurus-host key revoke \(record.fingerprint)"
      }
  }
}
