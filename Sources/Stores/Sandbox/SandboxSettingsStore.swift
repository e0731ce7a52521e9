public import Foundation
import GRDB

/// The owner's settings of agents' sandboxes. They go with the agent.
public struct SandboxSettingsStore: Sendable {
  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// What was said of an agent's sandbox.
  public func settings(of agent: UUID) async throws -> SandboxSettings {
    try await pool.read { try Self.find(agent, $0) }
  }

  /// Changes what was said, all of it or nothing.
  /// - Returns: what is said from now on.
  /// - Throws: ``StoresError/noSuchAgent(_:)``, or what `change` throws.
  public func change(
    _ agent: UUID, _ change: @escaping @Sendable (inout SandboxSettings) throws -> Void
  ) async throws -> SandboxSettings {
    try await pool.write { database in
      let isThere = try Bool.fetchOne(
        database, sql: "SELECT EXISTS (SELECT 1 FROM agents WHERE id = ?)", arguments: [agent.uuidString])
      guard isThere == true else { throw StoresError.noSuchAgent(agent.uuidString) }
      var settings = try Self.find(agent, database)
      try change(&settings)
      try Self.write(settings, agent, database)
      return try Self.find(agent, database)
    }
  }

  private static func find(_ agent: UUID, _ database: Database) throws -> SandboxSettings {
    var settings = SandboxSettings()
    if let row = try Row.fetchOne(
      database, sql: "SELECT * FROM sandbox_settings WHERE agent_id = ?", arguments: [agent.uuidString])
    {
      settings.network = row["network"]
      settings.memory = row["memory"]
      settings.processes = row["processes"]
      settings.processors = row["processors"]
      settings.home = row["home"]
      settings.commandsPerTurn = row["commands_per_turn"]
      settings.allowsBackground = row["allows_background"]
      settings.mayCreatePlugins = row["may_create_plugins"]
      settings.waived = (row["waived"] as String).split(separator: ",").map(String.init)
    }
    settings.workspaces = try Row.fetchAll(
      database, sql: "SELECT * FROM sandbox_workspaces WHERE agent_id = ? ORDER BY name",
      arguments: [agent.uuidString]
    ).map {
      SandboxSettings.Workspace(name: $0["name"], folder: $0["folder"], isWritable: $0["is_writable"])
    }
    return settings
  }

  private static func write(_ settings: SandboxSettings, _ agent: UUID, _ database: Database) throws {
    try database.execute(
      sql: """
        INSERT OR REPLACE INTO sandbox_settings (agent_id, network, memory, processes, processors, home,
          commands_per_turn, allows_background, may_create_plugins, waived) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        agent.uuidString, settings.network, settings.memory, settings.processes, settings.processors,
        settings.home, settings.commandsPerTurn, settings.allowsBackground, settings.mayCreatePlugins,
        settings.waived.joined(separator: ","),
      ])
    try database.execute(
      sql: "DELETE FROM sandbox_workspaces WHERE agent_id = ?", arguments: [agent.uuidString])
    for workspace in settings.workspaces {
      try database.execute(
        sql: "INSERT INTO sandbox_workspaces (agent_id, name, folder, is_writable) VALUES (?, ?, ?, ?)",
        arguments: [agent.uuidString, workspace.name, workspace.folder, workspace.isWritable])
    }
  }
}
