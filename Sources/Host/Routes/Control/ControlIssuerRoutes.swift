import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Stores

/// The owner's orders about foreign issuers, whose keys are taken here.
struct ControlIssuerRoutes: RouteGroup {
  let master: Address
  let agents: AgentStore
  let trusted: TrustedIssuerStore
  let access: HostAccess

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/issuers", .administration, use: list)
    routes.on(.post, "/control/issuers", .administration, use: trust)
    routes.on(.post, "/control/issuers/{address}/distrust", .administration, use: distrust)
  }

  private struct Listing: Encodable {
    let issuers: [ControlIssuer]
  }

  private struct Order: Decodable {
    var issuer: String?
    /// `agent`, `every-agent` or `host`.
    var scope: String?
    /// A name, an address or a UUID, for the scope `agent`.
    var agent: String?
    var label: String?
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try .json(Listing(issuers: try await shown(await trusted.list())))
  }

  private func trust(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self), let scope = try await scope(of: order) else {
        throw ControlFailure.malformed
      }
      let label = try order.label.map { try AccessKeyLabel($0).text } ?? ""
      let entry = try await trusted.trust(
        try Address(order.issuer ?? ""), for: scope, label: label, master: master)
      try await access.refresh()
      return try .json(try await shown([entry])[0], status: .created)
    }
  }

  private func distrust(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let issuer = try Address(context.parameters.get("address")?.removingPercentEncoding ?? "")
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      let entries = try await trusted.distrust(issuer, for: try await scope(of: order))
      try await access.refresh()
      return try .json(Listing(issuers: try await shown(entries)))
    }
  }

  /// The scope that an order names; nil where it names none.
  private func scope(of order: Order) async throws -> TrustScope? {
    switch (order.scope, order.agent) {
    case (nil, nil): return nil
    case ("every-agent", nil): return .everyAgent
    case ("host", nil): return .wholeHost
    case ("agent", let reference?):
      let agent = try await agents.find(reference: reference)
      guard let address = agent.address else { throw StoresError.noAddress(agent.name) }
      return .agent(address)
    default:
      throw ControlFailure.invalid("An issuer is trusted for an agent, for every agent or for the host.")
    }
  }

  private func shown(_ entries: [TrustedIssuer]) async throws -> [ControlIssuer] {
    let agents = try await agents.list()
    return entries.map { ControlIssuer($0, agents: agents) }
  }
}

/// A foreign issuer as the owner sees it.
struct ControlIssuer: Codable, Hashable, Sendable {
  let issuer: Address
  /// `agent`, `every-agent` or `host`.
  let scope: String
  /// The name of the agent that it may make keys for.
  let agent: String?
  let agentAddress: Address?
  let label: String?
  let addedAt: Date?

  init(_ entry: TrustedIssuer, agents: [AgentRecord]) {
    issuer = entry.issuer
    switch entry.scope {
    case .agent(let address): (scope, agentAddress) = ("agent", address)
    case .everyAgent: (scope, agentAddress) = ("every-agent", nil)
    case .wholeHost: (scope, agentAddress) = ("host", nil)
    }
    agent = agentAddress.flatMap { address in agents.first { $0.address == address }?.name }
    label = entry.label.isEmpty ? nil : entry.label
    addedAt = entry.addedAt
  }
}
