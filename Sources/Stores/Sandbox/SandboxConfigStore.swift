public import Foundation
import GRDB

/// What the code of an agent, or of one of its plugins, keeps between one command and the next: short texts, each under a key.
/// Nothing of it is shared with another agent, and it goes with the agent.
public struct SandboxConfigStore: Sendable {
  /// The longest value, in bytes.
  public static let longest = 64 << 10
  /// How many keys an agent has at most, those of its plugins included.
  public static let most = 256

  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// The value of a key; nil where there is none.
  public func value(_ key: String, agent: UUID, plugin: String? = nil) async throws -> String? {
    try await pool.read { database in try Self.find(key, agent, plugin ?? "", in: database) }
  }

  /// Sets a key.
  /// - Throws: ``StoresError/tooManySettings``.
  public func set(_ key: String, to value: String, agent: UUID, plugin: String? = nil) async throws {
    try await pool.write { database in
      let count =
        try Int.fetchOne(
          database, sql: "SELECT count(*) FROM sandbox_config WHERE agent_id = ?",
          arguments: [agent.uuidString]) ?? 0
      let isThere = try Self.find(key, agent, plugin ?? "", in: database) != nil
      guard isThere || count < Self.most else { throw StoresError.tooManySettings }
      try database.execute(
        sql: """
          INSERT INTO sandbox_config (agent_id, plugin, key, value) VALUES (?, ?, ?, ?)
            ON CONFLICT (agent_id, plugin, key) DO UPDATE SET value = excluded.value
          """,
        arguments: [agent.uuidString, plugin ?? "", key, value.asStored])
    }
  }

  /// Forgets all that a plugin of an agent keeps.
  public func removeAll(of plugin: String, agent: UUID) async throws {
    try await pool.write { database in
      try database.execute(
        sql: "DELETE FROM sandbox_config WHERE agent_id = ? AND plugin = ?",
        arguments: [agent.uuidString, plugin])
    }
  }

  private static func find(
    _ key: String, _ agent: UUID, _ plugin: String, in database: Database
  ) throws -> String? {
    try String.fetchOne(
      database, sql: "SELECT value FROM sandbox_config WHERE agent_id = ? AND plugin = ? AND key = ?",
      arguments: [agent.uuidString, plugin, key])
  }
}
