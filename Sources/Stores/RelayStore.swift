public import Foundation
import GRDB

/// The relay that the owner chose.
public struct RelayChoice: Hashable, Sendable {
  public let url: String
  /// Whether it may be without TLS on another machine, too.
  public let allowsPlaintext: Bool

  public init(url: String, allowsPlaintext: Bool = false) {
    self.url = url
    self.allowsPlaintext = allowsPlaintext
  }
}

/// Which agents are to be reached through a relay, and which relay that is. Nothing is, until the owner says so; what is
/// said outlives the service.
public struct RelayStore: Sendable {
  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// The relay, and the agents that are to be reached there, in the order in which they were made. An agent that other
  /// machines do not reach at all stays on the list, and is not reached there either.
  public func chosen() async throws -> (relay: RelayChoice?, agents: [AgentRecord]) {
    try await pool.read { database in
      let row = try Row.fetchOne(database, sql: "SELECT url, allows_plaintext FROM relay")
      let agents =
        try AgentRecord
        .filter(sql: "id IN (SELECT agent_id FROM relayed_agents)")
        .order(Column("created_at"), Column("id")).fetchAll(database)
      return (row.map { RelayChoice(url: $0["url"], allowsPlaintext: $0["allows_plaintext"]) }, agents)
    }
  }

  /// Chooses a relay, and adds agents to those that are reached there, all at once.
  /// - Parameter relay: nil for the one that was chosen before.
  public func expose(_ agents: [UUID], at relay: RelayChoice?, now: Date = Date()) async throws {
    try await pool.write { database in
      if let relay {
        try database.execute(
          sql: """
            INSERT INTO relay (id, url, allows_plaintext) VALUES (1, ?, ?)
              ON CONFLICT (id) DO UPDATE SET url = excluded.url, allows_plaintext = excluded.allows_plaintext
            """,
          arguments: [relay.url, relay.allowsPlaintext])
      }
      for agent in agents {
        try database.execute(
          sql: "INSERT OR IGNORE INTO relayed_agents (agent_id, since) VALUES (?, ?)",
          arguments: [agent.uuidString, now.timeIntervalSince1970])
      }
      try RisingCounter.generation.next(database)
    }
  }

  /// Takes agents away from the relay; nil for all.
  public func withdraw(_ agents: [UUID]?) async throws {
    try await pool.write { database in
      if let agents {
        for agent in agents {
          try database.execute(
            sql: "DELETE FROM relayed_agents WHERE agent_id = ?", arguments: [agent.uuidString])
        }
      } else {
        try database.execute(sql: "DELETE FROM relayed_agents")
      }
      try RisingCounter.generation.next(database)
    }
  }
}
