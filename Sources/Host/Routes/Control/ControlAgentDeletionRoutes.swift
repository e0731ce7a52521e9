import Foundation
import Hummingbird
import Stores

/// The owner's order to delete an agent, and to forget what it leaves, then or later.
struct ControlAgentDeletionRoutes: RouteGroup {
  let services: HostServices

  func register(on routes: inout Routes) {
    routes.on(.delete, "/control/agents/{ref}", .administration, use: delete)
    routes.on(.post, "/control/agents/{ref}/forget", .administration, use: forget)
  }

  /// What became of an agent.
  private struct Deleted: Encodable {
    /// Nil where the agent was deleted before.
    let agent: ControlAgent?
    let id: UUID
    /// What stays of it.
    var left: AgentLegacy?
    /// What is forgotten with it.
    var forgotten: AgentLegacy?
    /// Why some of it is still to be forgotten.
    var pending: String?

    enum CodingKeys: CodingKey { case id, left, forgotten, pending }

    func encode(to encoder: any Encoder) throws {
      try agent?.encode(to: encoder)
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(id, forKey: .id)
      try container.encodeIfPresent(left, forKey: .left)
      try container.encodeIfPresent(forgotten, forKey: .forgotten)
      try container.encodeIfPresent(pending, forKey: .pending)
    }
  }

  /// Deletes an agent. What was said with it and what it remembers stays.
  private func delete(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let agent = try await services.agents.find(reference: reference(context))
      var deleted = try await delete(agent, forgetting: false)
      // A database that does not open tells nothing, and keeps nobody from deleting.
      deleted.left = try? await services.legacy(of: agent.id)
      return try .json(deleted)
    }
  }

  /// Deletes an agent with all that was said with it and that it remembers. One that was deleted before is named by its id.
  private func forget(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      var deleted: Deleted
      do {
        let agent = try await services.agents.find(reference: reference(context))
        deleted = try await delete(agent, forgetting: true)
      } catch let error as StoresError {
        guard case .noSuchAgent = error, let id = UUID(uuidString: reference(context)),
          try await !services.legacy(of: id).isNothing
        else { throw error }
        deleted = Deleted(agent: nil, id: id)
        try await services.agents.forget(gone: id)
      }
      do {
        deleted.forgotten = try await services.forget(deleted.id)
      } catch {
        deleted.pending = String(describing: error)
      }
      return try .json(deleted)
    }
  }

  private func delete(_ agent: AgentRecord, forgetting: Bool) async throws -> Deleted {
    let gone = try await services.agents.delete(agent.id, forgetting: forgetting)
    try await services.access.refresh()
    // What it has running would go on for nobody.
    await services.sandboxes.end(gone.id)
    let shown = ControlAgent(
      gone, keys: try await services.keys.list(), trusted: try await services.trusted.list(), now: Date())
    return Deleted(agent: shown, id: gone.id)
  }

  private func reference(_ context: HostContext) -> String {
    context.parameters.get("ref")?.removingPercentEncoding ?? ""
  }
}
