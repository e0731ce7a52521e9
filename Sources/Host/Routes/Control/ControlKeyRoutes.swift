import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Stores

/// The owner's orders about access keys. A key's text is in one answer only: that of the order to make it.
struct ControlKeyRoutes: RouteGroup {
  let master: MasterKey
  let agents: AgentStore
  let keys: AccessKeyStore
  let access: HostAccess

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/keys", .administration, use: list)
    routes.on(.post, "/control/keys", .administration, use: create)
    routes.on(.post, "/control/keys/{id}/revoke", .administration, use: revoke)
  }

  private struct Listing: Encodable {
    let keys: [ControlKey]
  }

  private struct Order: Decodable {
    var label: String?
    /// A name, an address or a UUID; without it the key opens the whole host.
    var agent: String?
    var expires: String?
  }

  private struct Minted: Encodable {
    let key: String
    let record: ControlKey

    enum CodingKeys: String, CodingKey { case key }

    func encode(to encoder: any Encoder) throws {
      try record.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(key, forKey: .key)
    }
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    let names = try await agentNames()
    return try .json(Listing(keys: await keys.list().map { ControlKey($0, agents: names) }))
  }

  private func create(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      let signer = try await signer(for: order.agent)
      let expiry = try Self.expiry(order.expires)
      let label = try AccessKeyLabel(order.label ?? Self.label(for: order.agent)).text
      let (record, minted) = try await keys.mint(by: signer, label: label, expiry: expiry)
      try await access.refresh()
      let shown = ControlKey(record, agents: try await agentNames())
      return try minted.withText { text in
        try .json(Minted(key: text, record: shown), status: .created)
      }
    }
  }

  private func revoke(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let reference = context.parameters.get("id")?.removingPercentEncoding ?? ""
      let named = try await keys.list().filter { key in
        key.id.uuidString.lowercased() == reference.lowercased() || key.fingerprint == reference.lowercased()
      }
      guard let key = named.first, named.count == 1 else {
        throw StoresError.noSuchKey(String(reference.prefix(100)))
      }
      let revoked = try await keys.revoke(key.id)
      try await access.refresh()
      return try .json(ControlKey(revoked, agents: try await agentNames()))
    }
  }

  private func signer(for reference: String?) async throws -> SigningKey {
    guard let reference, !reference.isEmpty else { return master.signingKey }
    guard let index = try await agents.find(reference: reference).keyIndex else {
      throw ControlFailure.invalid("This agent has no key of its own.")
    }
    return try master.agentKey(index)
  }

  private static func expiry(_ text: String?) throws -> AccessKeyExpiry {
    guard let text else { return .days90 }
    guard let expiry = AccessKeyExpiry(rawValue: text) else {
      let choices = AccessKeyExpiry.allCases.map(\.rawValue).joined(separator: ", ")
      throw ControlFailure.invalid("A key lives for one of: \(choices).")
    }
    return expiry
  }

  private static func label(for agent: String?) -> String {
    agent.flatMap { $0.isEmpty ? nil : String($0.prefix(60)) }.map { "Key for \($0)" } ?? "Key for this host"
  }

  private func agentNames() async throws -> [Address: String] {
    var names: [Address: String] = [:]
    for agent in try await agents.list() {
      if let address = agent.address { names[address] = agent.name }
    }
    return names
  }
}

/// An access key as its owner sees it: everything but its text.
struct ControlKey: Codable, Hashable, Sendable {
  let id: UUID
  let label: String?
  let fingerprint: String
  /// `master` or `agent`.
  let scope: String
  /// The name of the agent that it opens, where there still is one.
  let agent: String?
  let audience: Address
  let issuer: Address
  let createdAt: Date
  /// What was asked for: `30d`, `90d`, `1y` or `never`.
  let expires: AccessKeyExpiry
  let expiresAt: Date?
  let revokedAt: Date?

  init(_ record: AccessKeyRecord, agents: [Address: String]) {
    id = record.id
    label = record.label
    fingerprint = record.fingerprint
    agent = agents[record.audience]
    scope = record.audience == record.issuer && agents[record.audience] == nil ? "master" : "agent"
    audience = record.audience
    issuer = record.issuer
    createdAt = record.createdAt
    expires = record.expiry
    expiresAt = record.expiresAt
    revokedAt = record.revokedAt
  }
}
