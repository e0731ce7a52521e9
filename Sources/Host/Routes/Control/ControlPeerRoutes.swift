import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Logging
import Stores

/// The owner's view of who was let in, and the end of that.
struct ControlPeerRoutes: RouteGroup {
  let peers: ControlPeers
  let keys: AccessKeyStore
  let access: HostAccess
  let logger: Logger

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/peers", .administration, use: list)
    routes.on(.post, "/control/peers/{ref}/revoke", .administration, use: revoke)
  }

  private struct Listing: Encodable {
    let peers: [ControlPeer]
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    await access.uses.flush(to: keys, logger: logger)
    return try .json(Listing(peers: try await peers.list()))
  }

  private func revoke(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let found = try await named(context.parameters.get("ref")?.removingPercentEncoding ?? "")
      for peer in found { _ = try await keys.revoke(peer.key) }
      try await access.refresh()
      let ids = Set(found.map(\.id))
      return try .json(Listing(peers: try await peers.list().filter { ids.contains($0.id) }))
    }
  }

  /// One peer by its id or the beginning of it, or all that a connector's address is.
  private func named(_ reference: String) async throws -> [ControlPeer] {
    let all = try await peers.list()
    let digits = reference.uppercased()
    let found =
      if let connector = Address(ignoringChecksum: reference) {
        all.filter { $0.connector == connector }
      } else {
        all.filter { $0.id.uuidString == digits || $0.id.uuidString.prefix(8) == digits }
      }
    guard !found.isEmpty else {
      throw ControlFailure(
        status: .notFound, code: "peer_not_found",
        message: "There is no peer '\(reference.prefix(100))'; see 'osaurus-host peer list'.")
    }
    return found
  }
}

/// Everybody who was let in, by pairing or by an invite.
struct ControlPeers: Sendable {
  let master: Address
  let agents: AgentStore
  let keys: AccessKeyStore
  let peers: PeerStore
  let invites: InviteStore

  /// The newest first.
  func list() async throws -> [ControlPeer] {
    let audiences = ControlKey.Audiences(master: master, agents: try await agents.list())
    let now = Date()
    let paired = try await peers.list().map { ControlPeer($0.peer, $0.key, audiences, now) }
    let byId = Dictionary(uniqueKeysWithValues: try await keys.list().map { ($0.id, $0) })
    let invited = try await invites.list().compactMap { invite in
      invite.keyId.flatMap { byId[$0] }.map { ControlPeer(invite, $0, audiences, now) }
    }
    return (paired + invited).sorted { $0.since > $1.since }
  }
}

/// Somebody who was let in, as the owner sees it.
struct ControlPeer: Codable, Hashable, Sendable {
  let id: UUID
  /// `pairing` or `invite`.
  let via: String
  /// The address by which it signed; those who came by an invite sign nothing.
  let connector: Address?
  let label: String
  /// The name of the agent that it may reach, where there still is one.
  let agent: String?
  let agentAddress: Address
  /// What its key is worth now.
  let status: ControlKey.Status
  let key: UUID
  let from: String?
  let since: Date
  let lastSeenAt: Date?
  let expiresAt: Date?

  fileprivate init(
    _ peer: PeerRecord, _ key: AccessKeyRecord, _ audiences: ControlKey.Audiences, _ now: Date
  ) {
    id = peer.id
    via = "pairing"
    connector = peer.connector
    from = peer.pairedFrom
    since = peer.pairedAt
    agentAddress = peer.agent
    (label, self.key, lastSeenAt, expiresAt) = (key.label, key.id, key.lastUsedAt, key.expiresAt)
    let shown = ControlKey(key, among: audiences, now: now)
    (agent, status) = (shown.agent, shown.status)
  }

  fileprivate init(
    _ invite: InviteRecord, _ key: AccessKeyRecord, _ audiences: ControlKey.Audiences, _ now: Date
  ) {
    id = invite.id
    via = "invite"
    connector = nil
    from = invite.redeemedFrom
    since = invite.redeemedAt ?? key.createdAt
    agentAddress = invite.agent
    (label, self.key, lastSeenAt, expiresAt) = (
      invite.label ?? key.label, key.id, key.lastUsedAt, key.expiresAt
    )
    let shown = ControlKey(key, among: audiences, now: now)
    (agent, status) = (shown.agent, shown.status)
  }
}
