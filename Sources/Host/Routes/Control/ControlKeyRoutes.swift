import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Logging
import Stores

/// The owner's orders about access keys. A key's text is in one answer only: that of the order to make it.
struct ControlKeyRoutes: RouteGroup {
  let master: MasterKey
  let agents: AgentStore
  let keys: AccessKeyStore
  let trusted: TrustedIssuerStore
  let access: HostAccess
  let logger: Logger

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/keys", .administration, use: list)
    routes.on(.post, "/control/keys", .administration, use: create)
    routes.on(.get, "/control/keys/{ref}", .administration, use: show)
    routes.on(.post, "/control/keys/{ref}/revoke", .administration, use: revoke)
    routes.on(.post, "/control/keys/revoke-all", .administration, use: revokeAll)
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

  private struct MassOrder: Decodable {
    /// A name, an address or a UUID; without it all keys of the host go.
    var agent: String?
  }

  private struct Gone: Encodable {
    /// How many listed keys were not revoked before.
    let revoked: Int
    /// The counter up to which every key is refused.
    let threshold: Int64
    /// How many foreign issuers may still make keys for what this was about.
    let trustedIssuers: Int
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    await access.uses.flush(to: keys, logger: logger)
    let audiences = try await audiences()
    return try .json(Listing(keys: await keys.list().map { ControlKey($0, among: audiences) }))
  }

  private func show(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      await access.uses.flush(to: keys, logger: logger)
      return try .json(ControlKey(try await key(of: context), among: try await audiences()))
    }
  }

  private func create(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      let reference = order.agent.flatMap { $0.isEmpty ? nil : $0 }
      var agent: AgentRecord?
      if let reference { agent = try await agents.find(reference: reference) }
      let expiry = try Self.expiry(order.expires)
      let label = try AccessKeyLabel(order.label ?? agent.map { "Key for \($0.name)" } ?? "Key for this host")
      let (record, minted) = try await keys.mint(
        by: try signer(for: agent), label: label.text, expiry: expiry)
      try await access.refresh()
      let shown = ControlKey(record, among: try await audiences())
      return try minted.withText { text in
        try .json(Minted(key: text, record: shown), status: .created)
      }
    }
  }

  private func revoke(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let revoked = try await keys.revoke(try await key(of: context).id)
      try await access.refresh()
      return try .json(ControlKey(revoked, among: try await audiences()))
    }
  }

  private func revokeAll(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(MassOrder.self) else { throw ControlFailure.malformed }
      let entries = try await trusted.list()
      let (gone, others): (MassRevocation, Int)
      if let reference = order.agent {
        let agent = try await agents.find(reference: reference)
        guard let address = agent.address else { throw StoresError.noAddress(agent.name) }
        gone = try await keys.revokeAll(issuer: address)
        others = Set(entries.filter { $0.scope.covers(address) }.map(\.issuer)).count
      } else {
        gone = try await keys.revokeEverything(master: master.address)
        others = Set(entries.map(\.issuer)).count
      }
      try await access.refresh()
      return try .json(Gone(revoked: gone.keys, threshold: gone.threshold, trustedIssuers: others))
    }
  }

  private func key(of context: HostContext) async throws -> AccessKeyRecord {
    try await keys.find(reference: context.parameters.get("ref")?.removingPercentEncoding ?? "")
  }

  private func signer(for agent: AgentRecord?) throws -> SigningKey {
    guard let agent else { return master.signingKey }
    guard let index = agent.keyIndex else { throw StoresError.noAddress(agent.name) }
    return try master.agentKey(index)
  }

  private func audiences() async throws -> ControlKey.Audiences {
    ControlKey.Audiences(master: master.address, agents: try await agents.list())
  }

  private static func expiry(_ text: String?) throws -> AccessKeyExpiry {
    guard let text else { return .days90 }
    guard let expiry = AccessKeyExpiry(rawValue: text) else {
      let choices = AccessKeyExpiry.allCases.map(\.rawValue).joined(separator: ", ")
      throw ControlFailure.invalid("A key lives for one of: \(choices).")
    }
    return expiry
  }
}

extension TrustScope {
  /// Whether an issuer of this scope may make keys for the agent with this address.
  fileprivate func covers(_ agent: Address) -> Bool {
    switch self {
    case .wholeHost, .everyAgent: true
    case .agent(let address): address == agent
    }
  }
}
