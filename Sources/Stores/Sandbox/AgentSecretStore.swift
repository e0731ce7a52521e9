public import Foundation
import GRDB

/// What an agent's commands are given to know, and may tell nobody: passwords and keys for other services, each under a name.
/// They lie in the host's encrypted database, and go with the agent.
public struct AgentSecretStore: Sendable {
  /// The longest value, in bytes.
  public static let longest = 32 << 10
  /// How many an agent has at most, those of its plugins included.
  public static let most = 128

  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// Keeps a secret, in place of an earlier one of that name.
  /// - Parameter plugin: the plugin that it is for; nil for all that the agent runs.
  /// - Throws: ``StoresError/tooManySecrets``.
  public func set(
    _ name: String, to value: [UInt8], agent: UUID, plugin: String? = nil, now: Date = Date()
  ) async throws {
    try await pool.write { database in
      let count =
        try Int.fetchOne(
          database, sql: "SELECT count(*) FROM agent_secrets WHERE agent_id = ?",
          arguments: [agent.uuidString]
        ) ?? 0
      let isThere = try Self.find(name, agent, plugin ?? "", in: database) != nil
      guard isThere || count < Self.most else { throw StoresError.tooManySecrets }
      try database.execute(
        sql: """
          INSERT INTO agent_secrets (agent_id, plugin, name, value, updated_at) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (agent_id, plugin, name)
            DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
          """,
        arguments: [agent.uuidString, plugin ?? "", name, Data(value), now.timeIntervalSince1970])
    }
  }

  /// The secret of that name: the plugin's, or else the agent's own.
  public func value(_ name: String, agent: UUID, plugin: String? = nil) async throws -> [UInt8]? {
    try await pool.read { database in
      if let plugin, let own = try Self.find(name, agent, plugin, in: database) { return own }
      return try Self.find(name, agent, "", in: database)
    }
  }

  /// The names, in order; of the agent's own, or of a plugin's.
  public func names(agent: UUID, plugin: String? = nil) async throws -> [String] {
    try await pool.read { database in
      try String.fetchAll(
        database, sql: "SELECT name FROM agent_secrets WHERE agent_id = ? AND plugin = ? ORDER BY name",
        arguments: [agent.uuidString, plugin ?? ""])
    }
  }

  /// All that a command of the agent, or of one of its plugins, is given.
  public func all(agent: UUID, plugin: String? = nil) async throws -> [String: [UInt8]] {
    try await pool.read { database in
      let rows = try Row.fetchAll(
        database,
        // The plugin's own come last, and hold.
        sql: """
          SELECT name, value FROM agent_secrets WHERE agent_id = ? AND plugin IN ('', ?) ORDER BY plugin
          """,
        arguments: [agent.uuidString, plugin ?? ""])
      return rows.reduce(into: [:]) { all, row in
        let value: Data = row["value"]
        all[row["name"]] = Array(value)
      }
    }
  }

  /// Forgets a secret.
  /// - Returns: whether there was one.
  public func remove(_ name: String, agent: UUID, plugin: String? = nil) async throws -> Bool {
    try await pool.write { database in
      try database.execute(
        sql: "DELETE FROM agent_secrets WHERE agent_id = ? AND plugin = ? AND name = ?",
        arguments: [agent.uuidString, plugin ?? "", name])
      return database.changesCount > 0
    }
  }

  /// Forgets all that a plugin of an agent was given.
  public func removeAll(of plugin: String, agent: UUID) async throws {
    try await pool.write { database in
      try database.execute(
        sql: "DELETE FROM agent_secrets WHERE agent_id = ? AND plugin = ?",
        arguments: [agent.uuidString, plugin])
    }
  }

  private static func find(
    _ name: String, _ agent: UUID, _ plugin: String, in database: Database
  ) throws -> [UInt8]? {
    try Data.fetchOne(
      database, sql: "SELECT value FROM agent_secrets WHERE agent_id = ? AND plugin = ? AND name = ?",
      arguments: [agent.uuidString, plugin, name]
    ).map { Array($0) }
  }
}
