public import Foundation
import GRDB
public import Identity

/// What the keys of a foreign issuer may open.
public enum TrustScope: Hashable, Sendable {
  /// One agent, by its address.
  case agent(Address)
  /// Every agent there is and will be, each by a key of its own; not the host itself.
  case everyAgent
  /// The host itself, and so every agent.
  case wholeHost
}

/// A foreign issuer whose keys are taken: an address of which this host has no private key.
public struct TrustedIssuer: Hashable, Sendable {
  public let issuer: Address
  public let scope: TrustScope
  /// What the owner calls it; may be empty.
  public let label: String
  /// Since when; nil where that was not written down.
  public let addedAt: Date?
}

/// The whitelist: who else may make keys for this host, and for what of it. Trust in an agent's keeper ends with the
/// agent's address.
public struct TrustedIssuerStore: Sendable {
  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// Everybody who is trusted, and for what; in the order in which they came.
  public func list() async throws -> [TrustedIssuer] { try await pool.read { try Self.list($0) } }

  /// Takes a foreign issuer's keys from now on, for what `scope` says. Once more changes nothing but the label.
  ///
  /// - Parameter master: this host's own address.
  /// - Throws: ``StoresError/ownAddress(_:)`` for an address that is or was this host's, ``StoresError/noSuchAgent(_:)``
  ///   where no agent has the address that `scope` names.
  @discardableResult
  public func trust(
    _ issuer: Address, for scope: TrustScope, label: String = "", master: Address, now: Date = Date()
  ) async throws -> TrustedIssuer {
    try await pool.write { database in
      guard issuer != master, try !Self.isOwn(issuer, database) else { throw StoresError.ownAddress(issuer) }
      if case .agent(let agent) = scope {
        let agents = try Address.fetchSet(
          database, sql: "SELECT address FROM agents WHERE address IS NOT NULL")
        guard agents.contains(agent) else { throw StoresError.noSuchAgent(agent.checksummed) }
      }
      try database.execute(
        sql: """
          INSERT INTO whitelist (agent, issuer, label, added_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (agent, issuer) DO UPDATE SET label = excluded.label WHERE excluded.label <> ''
          """,
        arguments: [Self.column(scope), issuer, label.asStored, now.timeIntervalSince1970])
      try RisingCounter.generation.next(database)
      guard let entry = try Self.list(database).first(where: { $0.issuer == issuer && $0.scope == scope })
      else { throw StoresError.notTrusted(issuer) }
      return entry
    }
  }

  /// Takes an issuer's keys no more: for `scope`, or at all. An issuer that is trusted in another scope, too, is still
  /// trusted there.
  /// - Returns: What was taken back.
  /// - Throws: ``StoresError/notTrusted(_:)``.
  @discardableResult
  public func distrust(_ issuer: Address, for scope: TrustScope? = nil) async throws -> [TrustedIssuer] {
    try await pool.write { database in
      let entries = try Self.list(database)
        .filter { $0.issuer == issuer && (scope == nil || $0.scope == scope) }
      guard !entries.isEmpty else { throw StoresError.notTrusted(issuer) }
      for entry in entries {
        try database.execute(
          sql: "DELETE FROM whitelist WHERE agent = ? AND issuer = ?",
          arguments: [Self.column(entry.scope), issuer])
      }
      try RisingCounter.generation.next(database)
      return entries
    }
  }

  // MARK: Inside a transaction

  /// Drops what was trusted for the address of an agent, which goes.
  static func forget(agent: Address, _ database: Database) throws {
    try database.execute(sql: "DELETE FROM whitelist WHERE agent = ?", arguments: [agent])
  }

  static func list(_ database: Database) throws -> [TrustedIssuer] {
    try Row.fetchAll(database, sql: "SELECT * FROM whitelist ORDER BY added_at, issuer, agent").map { row in
      TrustedIssuer(
        issuer: row["issuer"], scope: try scope(row["agent"]), label: row["label"],
        addedAt: (row["added_at"] as Double?).map(Date.init(timeIntervalSince1970:)))
    }
  }

  /// Whether an address is or was an agent's of this host, or signed keys here.
  private static func isOwn(_ address: Address, _ database: Database) throws -> Bool {
    try Bool.fetchOne(
      database,
      sql: """
        SELECT EXISTS (SELECT 1 FROM agents WHERE address = :address)
          OR EXISTS (SELECT 1 FROM counter_thresholds WHERE issuer = :address)
          OR EXISTS (SELECT 1 FROM access_keys WHERE issuer = :address)
        """,
      arguments: ["address": address]) ?? true
  }

  private static func column(_ scope: TrustScope) -> String {
    switch scope {
    case .agent(let address): address.checksummed
    case .everyAgent: "*"
    case .wholeHost: ""
    }
  }

  private static func scope(_ column: String) throws -> TrustScope {
    switch column {
    case "": .wholeHost
    case "*": .everyAgent
    default: .agent(try Address(column))
    }
  }
}
