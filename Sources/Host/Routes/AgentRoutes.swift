import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Inference
import Stores

/// `/agents` and `/agents/{id}`: the agents that a caller may know of. For other machines, agents that are not
/// exposed do not exist. (spec/02, C11)
struct AgentRoutes: RouteGroup {
  let access: HostAccess
  let models: ModelCatalogue
  /// nil where nobody is told where the host is.
  var places: HostPlaces?

  func register(on routes: inout Routes) {
    routes.on(.get, "/agents", .agentCatalogue, use: list)
    routes.on(.get, "/agents/{id}", agent: "id", RouteClass.agentDetails, use: show)
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    let scope = context.caller.agentScope
    let visible = try await access.agents(from: context.caller.origin)
      .filter { scope == nil || $0.address == scope }
    let fallback = await defaultModel()
    return try .json(Listing(agents: visible.map { AgentItem($0, fallback: fallback) }))
  }

  private func show(_ request: Request, _ context: HostContext) async throws -> Response {
    let name = context.parameters.get("id") ?? ""
    guard AgentName.isValid(name) else { return AgentName.invalid }
    guard let agent = try await access.agent(named: name, from: context.caller.origin) else {
      return AgentName.unknown
    }
    var item = AgentItem(agent, fallback: await defaultModel())
    if case .secureChannel = context.caller.transport, let address = agent.address {
      item.places = await places?.told(of: address)
    }
    return try .json(item)
  }

  private func defaultModel() async -> String? { try? await models.resolve(nil).model }

  private struct Listing: Encodable {
    let agents: [AgentItem]
  }
}

/// How agents are named in paths, and what is said of names that are none.
enum AgentName {
  /// Whether it is a UUID or an address.
  static func isValid(_ name: String) -> Bool {
    UUID(uuidString: name) != nil || Address(ignoringChecksum: name) != nil
  }

  static var invalid: Response {
    .failure(.badRequest, code: "invalid_agent_id", message: "Invalid agent UUID in path")
  }

  static var unknown: Response {
    .failure(.notFound, code: "agent_not_found", message: "No agent found for the given ID")
  }
}

/// An agent as callers see it.
private struct AgentItem: Encodable {
  let id: UUID
  let name: String
  let description: String
  let defaultModel: String?
  let effectiveModel: String?
  let supportsThinking = false
  let supportsVision = false
  let isBuiltIn = false
  let memoryEntryCount = 0
  let createdAt: Date
  let updatedAt: Date
  /// For those alone who ask through the channel.
  var places: HostPlaces.Told?

  init(_ agent: AgentRecord, fallback: String?) {
    id = agent.id
    name = agent.name
    description = agent.description
    defaultModel = agent.model
    effectiveModel = agent.model ?? fallback
    createdAt = agent.createdAt
    updatedAt = agent.updatedAt
  }

  enum CodingKeys: String, CodingKey {
    case id, name, description, places
    case defaultModel = "default_model"
    case effectiveModel = "effective_model"
    case supportsThinking = "supports_thinking"
    case supportsVision = "supports_vision"
    case isBuiltIn = "is_built_in"
    case memoryEntryCount = "memory_entry_count"
    case createdAt = "created_at"
    case updatedAt = "updated_at"
  }
}
