import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Stores

/// The owner's orders about agents.
struct ControlAgentRoutes: RouteGroup {
  let master: MasterKey
  let agents: AgentStore
  let keys: AccessKeyStore
  let trusted: TrustedIssuerStore
  let access: HostAccess

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/agents", .administration, use: list)
    routes.on(.post, "/control/agents", .administration, use: create)
    routes.on(.get, "/control/agents/{ref}", .administration, use: show)
    routes.on(.patch, "/control/agents/{ref}", .administration, use: update)
    routes.on(.post, "/control/agents/{ref}/rotate", .administration, use: rotate)
    routes.on(.post, "/control/agents/{ref}/revoke", .administration, use: revoke)
  }

  private struct Listing: Encodable {
    let agents: [ControlAgent]
  }

  private struct Order: Decodable {
    var name: String?
    var description: String?
    var systemPrompt: String?
    var model: String?
    var exposed: Bool?
    var pairing: Bool?
    /// The number of its key, where the owner brings a known agent back.
    var index: UInt32?
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try .json(Listing(agents: try await shown(await agents.list())))
  }

  private func create(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self), let name = order.name else {
        throw ControlFailure.invalid("An agent needs a name.")
      }
      let agent = try await agents.create(
        name: name, description: order.description ?? "", systemPrompt: order.systemPrompt ?? "",
        model: order.model.flatMap { $0.isEmpty ? nil : $0 }, isExposed: order.exposed ?? true,
        isPairable: order.pairing ?? true,
        index: order.index.map { AgentIndex(rawValue: $0) }
      ) { [master] index in try master.agentKey(index).address }
      try await access.refresh()
      return try .json(try await shown(agent), status: .created)
    }
  }

  private func show(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      try .json(try await shown(try await agent(of: context)))
    }
  }

  private func update(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      let updated = try await agents.update(try await agent(of: context).id) { agent in
        agent.name = order.name ?? agent.name
        agent.description = order.description ?? agent.description
        agent.systemPrompt = order.systemPrompt ?? agent.systemPrompt
        // An empty name means the default model again.
        if let model = order.model { agent.model = model.isEmpty ? nil : model }
        agent.isExposed = order.exposed ?? agent.isExposed
        agent.isPairable = order.pairing ?? agent.isPairable
      }
      try await access.refresh()
      return try .json(try await shown(updated))
    }
  }

  private func rotate(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let agent = try await agent(of: context)
      let rotated = try await agents.rotate(agent.id) { [master] index in try master.agentKey(index).address }
      try await access.refresh()
      return try .json(try await shown(rotated))
    }
  }

  private func revoke(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let revoked = try await agents.revokeAddress(try await agent(of: context).id)
      try await access.refresh()
      return try .json(try await shown(revoked))
    }
  }

  private func shown(_ agent: AgentRecord) async throws -> ControlAgent { try await shown([agent])[0] }

  private func shown(_ agents: [AgentRecord]) async throws -> [ControlAgent] {
    let (keys, trusted, now) = (try await keys.list(), try await trusted.list(), Date())
    return agents.map { ControlAgent($0, keys: keys, trusted: trusted, now: now) }
  }

  private func agent(of context: HostContext) async throws -> AgentRecord {
    try await agents.find(reference: context.parameters.get("ref")?.removingPercentEncoding ?? "")
  }
}

/// An agent as its owner sees it.
struct ControlAgent: Codable, Hashable, Sendable {
  let id: UUID
  let name: String
  let description: String
  let systemPrompt: String
  let model: String?
  let index: UInt32?
  let address: Address?
  let exposed: Bool
  /// Whether devices that are not let in yet may ask for it.
  let pairing: Bool
  /// How many listed keys open it, and it alone.
  let activeKeys: Int
  /// Foreign issuers that are trusted for it, and for it alone.
  let trustedIssuers: [Address]
  let createdAt: Date
  let updatedAt: Date

  init(_ agent: AgentRecord, keys: [AccessKeyRecord], trusted: [TrustedIssuer], now: Date) {
    id = agent.id
    name = agent.name
    description = agent.description
    systemPrompt = agent.systemPrompt
    model = agent.model
    index = agent.keyIndex?.rawValue
    address = agent.address
    exposed = agent.isExposed
    pairing = agent.isPairable
    activeKeys = keys.count { key in
      key.audience == agent.address && key.revokedAt == nil && key.expiresAt.map { $0 > now } != false
    }
    trustedIssuers = trusted.filter { entry in
      agent.address.map { entry.scope == .agent($0) } == true
    }.map(\.issuer)
    createdAt = agent.createdAt
    updatedAt = agent.updatedAt
  }
}
