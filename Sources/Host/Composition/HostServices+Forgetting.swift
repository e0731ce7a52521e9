import Agents
import Foundation
import Logging
import Storage
import Stores

/// What an agent leaves in the databases besides the one that says who there is.
struct AgentLegacy: Codable, Hashable, Sendable {
  var conversations = 0
  var memories = 0
  var methods = 0
  /// Whether it has a database of its own.
  var database = false

  var isNothing: Bool { self == AgentLegacy() }
}

extension HostServices {
  /// What is forgotten of an agent, in this order.
  enum ForgettingStep: CaseIterable {
    case noted, conversations, memories, methods, database, sandbox
  }

  /// What there is of an agent, or still is.
  func legacy(of agent: UUID) async throws -> AgentLegacy {
    AgentLegacy(
      conversations: try await chats.count(agentID: agent), memories: try await memory.count(agentID: agent),
      methods: try await methods.count(agentID: agent),
      database: DatabaseName.agent(agent).hasContent(in: folders))
  }

  /// Forgets what an agent left that is gone, and of which it was noted that it is to be forgotten. Whatever stops it,
  /// the next start goes on with it.
  /// - Parameter reached: called after each step; for tests, which stop there.
  /// - Returns: what is forgotten.
  func forget(_ agent: UUID, reached: (ForgettingStep) throws -> Void = { _ in }) async throws -> AgentLegacy
  {
    var gone = AgentLegacy()
    try reached(.noted)
    gone.conversations = try await chats.deleteAll(agentID: agent)
    try reached(.conversations)
    gone.memories = try await memory.forgetAll(
      agentID: agent, layers: Set(MemoryLayer.allCases), conversation: nil)
    try reached(.memories)
    gone.methods = try await methods.forgetAll(agentID: agent)
    try reached(.methods)
    gone.database = try await databases.cabinet.delete(.agent(agent))
    try reached(.database)
    try await sandboxes.remove(agent)
    try reached(.sandbox)
    try await agents.forgot(agent)
    return gone
  }

  /// Forgets what was left to be forgotten when this host last stopped.
  func finishForgetting() async throws {
    for agent in try await agents.forgetting() {
      do {
        _ = try await forget(agent)
      } catch {
        logger.warning(
          "what a deleted agent left could not be forgotten yet",
          metadata: ["agent": "\(agent)", "reason": "\(error)"])
      }
    }
  }
}
