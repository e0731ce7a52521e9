public import Foundation
import GRDB

/// How much agents may do without being asked, where the owner said so. What is not said is the most careful mode.
public struct PermissionModeStore: Sendable {
  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// The name of an agent's mode; nil where the owner said nothing.
  public func mode(of agent: UUID) async throws -> String? {
    try await pool.read {
      try String.fetchOne(
        $0, sql: "SELECT mode FROM permission_modes WHERE agent_id = ?", arguments: [agent.uuidString])
    }
  }

  /// Says how much an agent may do. It is forgotten with the agent.
  /// - Throws: ``StoresError/noSuchAgent(_:)``.
  public func set(_ mode: String, of agent: UUID) async throws {
    try await pool.write { database in
      let isThere = try Bool.fetchOne(
        database, sql: "SELECT EXISTS (SELECT 1 FROM agents WHERE id = ?)", arguments: [agent.uuidString])
      guard isThere == true else { throw StoresError.noSuchAgent(agent.uuidString) }
      try database.execute(
        sql: """
          INSERT INTO permission_modes (agent_id, mode) VALUES (?, ?)
            ON CONFLICT (agent_id) DO UPDATE SET mode = excluded.mode
          """,
        arguments: [agent.uuidString, mode])
    }
  }
}
