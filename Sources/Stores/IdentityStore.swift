public import Foundation
import GRDB
public import Identity

/// Whose agents and keys a host has, and what is not known of them. Everything here happens whole or not at all.
public struct IdentityStore: Sendable {
  /// What is known of an identity's earlier hosts.
  public enum Past: Hashable, Sendable {
    /// It was only just made: there are none.
    case none
    /// Nobody here knows which indices, counters and revocations there were.
    case unknown(OldAccessKeys)
  }

  /// What a repair did, or would do.
  public struct Repaired: Hashable, Sendable {
    /// An agent that has a new address.
    public struct Agent: Hashable, Sendable {
      public let before: IdentityHealth.Agent
      public let index: AgentIndex
      public let address: Address
    }
    public let agents: [Agent]
    /// How many keys are revoked that were not before.
    public let keys: Int
  }

  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// What health depends on.
  public func facts() async throws -> IdentityFacts {
    try await pool.read { try IdentityFacts($0) }
  }

  /// Whose agents these are; nil where nobody has said so yet.
  public func master() async throws -> Address? {
    try await pool.read { try Self.master($0) }
  }

  /// Says what is known of an identity that has no agent and no key here yet.
  public func begin(for master: Address, past: Past, now: Date = Date()) async throws {
    try await pool.write { try Self.begin(for: master, past: past, now: now, $0) }
  }

  /// Says whose a database is that nobody has said it of. One that was made anew in the place of a lost one begins as
  /// one whose past is unknown: nothing that was made before opens it. A database of another identity stays as it is,
  /// until it is repaired or the identity comes back.
  public func settle(for master: Address, now: Date = Date()) async throws {
    guard try await self.master() == nil else { return }
    try await pool.write { database in
      guard try Self.master(database) == nil else { return }
      if try Bool.fetchOne(database, sql: "SELECT is_past_known FROM identity") ?? false {
        // From before databases said whose they are.
        try database.execute(sql: "UPDATE identity SET master = ?", arguments: [master])
      } else {
        try Self.begin(for: master, past: .unknown(.shut), now: now, database)
      }
    }
  }

  /// Gives agents that are not of this identity a fresh index and address each, and revokes their keys and all that
  /// nobody known has made.
  /// - Parameter isTrial: whether all of it is taken back in the end.
  public func repair(
    under master: MasterKey, isTrial: Bool = false, now: Date = Date()
  ) async throws -> Repaired {
    try await pool.writeWithoutTransaction { database in
      var repaired = Repaired(agents: [], keys: 0)
      try database.inTransaction(.immediate) {
        repaired = try Self.repair(under: master, now: now, database)
        return isTrial ? .rollback : .commit
      }
      return repaired
    }
  }

  /// Puts an identity in the place of the one that the database is of.
  ///
  /// - Parameters:
  ///   - repairs: whether agents of other identities get addresses of this one, and keys of nobody are revoked.
  ///   - shutsAll: whether every key is revoked, and no foreign issuer is trusted any more.
  public func change(
    to master: MasterKey, past: Past, repairs: Bool, shutsAll: Bool, now: Date = Date()
  ) async throws {
    try await pool.write { database in
      // When this is done a second time, after a crash, the first one counts.
      if try Self.master(database) != master.address {
        try Self.begin(for: master.address, past: past, now: now, database)
      }
      if shutsAll {
        try Self.revokeEveryKey(now: now, database)
        try database.execute(sql: "DELETE FROM whitelist")
      }
      if repairs { _ = try Self.repair(under: master, now: now, database) }
    }
  }

  /// Refuses every key of this identity's own that was made before, here or on another machine, and counts the next ones
  /// from there.
  /// - Returns: the counter below which nothing is taken, and how many keys of the list are revoked by it.
  public func shutOldKeys(now: Date = Date()) async throws -> (floor: Int64, keys: Int) {
    try await pool.write { database in
      let open = try Self.openKeys(database)
      let floor = try Self.raiseFloor(now: now, database)
      return (floor, open)
    }
  }

  // MARK: Inside a transaction

  private static func master(_ database: Database) throws -> Address? {
    try Address.fetchOne(database, sql: "SELECT master FROM identity")
  }

  private static func begin(for master: Address, past: Past, now: Date, _ database: Database) throws {
    var random = SystemRandomNumberGenerator()
    let last = try AgentIndices.last(database)
    switch past {
    case .none: try AgentIndices.begin(at: last + 1, database)
    case .unknown:
      try AgentIndices.begin(at: AgentIndexBlock.start(above: last, using: &random), database)
    }
    try database.execute(
      sql: "UPDATE identity SET master = ?, is_past_known = ?", arguments: [master, past == .none])
    if past == .unknown(.shut) { _ = try raiseFloor(now: now, database) }
    try RisingCounter.generation.next(database)
  }

  private static func repair(
    under master: MasterKey, now: Date, _ database: Database
  ) throws -> Repaired {
    let before = try openKeys(database)
    if try Self.master(database) != master.address {
      try begin(for: master.address, past: .unknown(.keep), now: now, database)
    }
    let health = try IdentityFacts(database).health(under: master)
    let agents = try health.driftedAgents.map { agent in
      try AccessKeyStore.retire(agent.address, now: now, database)
      try TrustedIssuerStore.forget(agent: agent.address, database)
      let index = try AgentIndices.take(nil, database)
      let address = try master.agentKey(index).address
      try database.execute(
        sql: "UPDATE agents SET key_index = ?, address = ?, updated_at = ? WHERE id = ?",
        arguments: [index, address, now.timeIntervalSince1970, agent.id.uuidString])
      return Repaired.Agent(before: agent, index: index, address: address)
    }
    for key in health.staleKeys { try AccessKeyStore.revoke(key.id, now: now, database) }
    try RisingCounter.generation.next(database)
    return Repaired(agents: agents, keys: before - (try openKeys(database)))
  }

  /// The floor is the present second, which is above every counter that another host has counted to unless it made more
  /// than a key a second, and above every counter of this one.
  private static func raiseFloor(now: Date, _ database: Database) throws -> Int64 {
    let floor = max(
      Int64(now.timeIntervalSince1970), try RisingCounter.keyCounter.value(database) + 1)
    try database.execute(sql: "UPDATE identity SET key_floor = max(key_floor, ?)", arguments: [floor])
    _ = try RisingCounter.keyCounter.raise(to: floor, database)
    try revokeEveryKey(now: now, database)
    return floor
  }

  /// Revokes every key of the list, and by counter what their issuers have signed besides.
  static func revokeEveryKey(now: Date, _ database: Database) throws {
    let counter = try RisingCounter.keyCounter.value(database)
    try database.execute(
      sql: """
        INSERT INTO counter_thresholds (issuer, threshold) SELECT DISTINCT issuer, :counter FROM access_keys WHERE true
          ON CONFLICT (issuer) DO UPDATE SET threshold = max(threshold, excluded.threshold);
        INSERT OR IGNORE INTO revoked_keys (issuer, nonce, revoked_at)
          SELECT issuer, nonce, :now FROM access_keys;
        UPDATE access_keys SET revoked_at = :now WHERE revoked_at IS NULL;
        """, arguments: ["counter": counter, "now": now.timeIntervalSince1970])
    try RisingCounter.generation.next(database)
  }

  private static func openKeys(_ database: Database) throws -> Int {
    try Int.fetchOne(database, sql: "SELECT count(*) FROM access_keys WHERE revoked_at IS NULL") ?? 0
  }
}
