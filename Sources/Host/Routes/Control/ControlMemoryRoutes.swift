import Agents
import Foundation
import HTTPTypes
import Hummingbird
import Stores

/// The owner's orders about what agents remember.
struct ControlMemoryRoutes: RouteGroup {
  let agents: AgentStore
  let memory: AgentMemory

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/memory", .administration, use: condition)
    routes.on(.post, "/control/memory", .administration, use: add)
    routes.on(.post, "/control/memory/search", .administration, use: search)
    routes.on(.post, "/control/memory/list", .administration, use: list)
    routes.on(.post, "/control/memory/forget", .administration, use: forgetAll)
    routes.on(.delete, "/control/memory/{id}", .administration, use: forget)
  }

  /// What the orders say; each takes what it needs.
  private struct Order: Decodable {
    var agent: String?
    var text: String?
    var layer: MemoryLayer?
    var layers: [MemoryLayer]?
    var keywords: String?
    var salience: Double?
    var conversation: String?
    var limit: Int?

    var chosenLayers: Set<MemoryLayer> { layers.map(Set.init) ?? Set(MemoryLayer.allCases) }
  }

  private struct Listing: Encodable {
    let memories: [MemoryEntry]
  }

  private struct Forgotten: Encodable {
    let forgotten: Int
  }

  private func condition(_ request: Request, _ context: HostContext) async throws -> Response {
    try .json(await memory.condition())
  }

  private func add(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let order = try await order(of: request)
      guard let text = order.text else { throw ControlFailure.malformed }
      let added = try await memory.add(
        NewMemory(
          agentID: try await agentID(order), layer: order.layer ?? .pinned, content: text,
          keywords: order.keywords ?? "", salience: order.salience ?? 0.5))
      return try .json(added, status: .created)
    }
  }

  private func search(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let order = try await order(of: request)
      guard let text = order.text else { throw ControlFailure.malformed }
      return try .json(
        await memory.search(
          MemoryQuestion(
            agentID: try await agentID(order), text: text, layers: order.chosenLayers,
            limit: order.limit ?? 10)))
    }
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let order = try await order(of: request)
      let memories = try await memory.list(
        agentID: try await agentID(order), layers: order.chosenLayers,
        limit: min(max(order.limit ?? 100, 1), 10_000))
      return try .json(Listing(memories: memories))
    }
  }

  private func forget(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let name = context.parameters.get("id")?.removingPercentEncoding ?? ""
      guard let id = UUID(uuidString: name) else { throw MemoryError.noSuchMemory(name) }
      try await memory.forget(id)
      return try .json(Forgotten(forgotten: 1))
    }
  }

  private func forgetAll(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let order = try await order(of: request)
      guard let agentID = try await agentID(order) else { throw MemoryError.needsAgent }
      let count = try await memory.forgetAll(
        agentID: agentID, layers: order.chosenLayers, conversation: order.conversation)
      return try .json(Forgotten(forgotten: count))
    }
  }

  private func order(of request: Request) async throws -> Order {
    guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
    return order
  }

  private func agentID(_ order: Order) async throws -> UUID? {
    guard let reference = order.agent else { return nil }
    return try await agents.find(reference: reference).id
  }
}
