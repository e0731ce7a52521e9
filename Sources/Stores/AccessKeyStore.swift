public import Foundation
public import GRDB
public import Identity

/// What is kept of an access key: never the key itself, nor its signature.
public struct AccessKeyRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  public let label: String
  /// Eight hexadecimal digits that tell keys apart.
  public let fingerprint: String
  public let nonce: String
  public let counter: Int64
  public let issuer: Address
  public let audience: Address
  public let expiry: AccessKeyExpiry
  public let createdAt: Date
  public let expiresAt: Date?
  public internal(set) var revokedAt: Date?
}

extension AccessKeyRecord: StoredRecord {
  public static let databaseTableName = "access_keys"
}

/// All that says who may come in, as it was at one moment. Of two, the one with the higher generation is the newer.
public struct AccessMoment: Sendable {
  public let generation: Int64
  public let agents: [AgentRecord]
  public let rules: AccessKeyValidator.Rules
}

/// The access keys that were made here, and what revokes them. A revocation outlives the record of its key.
public struct AccessKeyStore: Sendable {
  private let pool: DatabasePool

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: DatabasePool) { self.pool = pool }

  /// Every key that was made here, the newest first.
  public func list() async throws -> [AccessKeyRecord] {
    try await pool.read {
      try AccessKeyRecord.order(Column("created_at").desc, Column("counter").desc).fetchAll($0)
    }
  }

  /// Makes a key under the next counter and keeps its record, all at once.
  /// - Returns: The record, and the key itself, which is shown once.
  public func mint(
    by signer: SigningKey, label: String, expiry: AccessKeyExpiry, now: Date = Date(), nonce: UUID = UUID()
  ) async throws -> (AccessKeyRecord, MintedAccessKey) {
    try await pool.write { database in
      try Self.mint(by: signer, label: label, expiry: expiry, now: now, nonce: nonce, database)
    }
  }

  /// The same inside the caller's transaction.
  static func mint(
    by signer: SigningKey, label: String, expiry: AccessKeyExpiry, now: Date, nonce: UUID,
    _ database: Database
  ) throws -> (AccessKeyRecord, MintedAccessKey) {
    let counter = try RisingCounter.keyCounter.next(database)
    let minted = AccessKeyMint.mint(
      by: signer, label: label, counter: UInt64(counter), expiry: expiry,
      issuedAt: Int64(now.timeIntervalSince1970), nonce: nonce)
    let claims = minted.claims
    let record = AccessKeyRecord(
      id: UUID(), label: label, fingerprint: minted.fingerprint, nonce: claims.nonce, counter: counter,
      issuer: claims.issuer, audience: claims.audience, expiry: expiry, createdAt: now.asStored,
      expiresAt: claims.expiresAt.map { Date(timeIntervalSince1970: TimeInterval($0)) }, revokedAt: nil)
    try record.insert(database)
    try RisingCounter.generation.next(database)
    return (record, minted)
  }

  /// Revokes one key. Revoking it again changes nothing.
  /// - Throws: ``StoresError/noSuchKey(_:)``.
  public func revoke(_ id: UUID, now: Date = Date()) async throws -> AccessKeyRecord {
    try await pool.write { try Self.revoke(id, now: now, $0) }
  }

  /// The same inside the caller's transaction.
  @discardableResult
  static func revoke(_ id: UUID, now: Date, _ database: Database) throws -> AccessKeyRecord {
    guard var record = try AccessKeyRecord.filter(Column("id") == id.uuidString).fetchOne(database) else {
      throw StoresError.noSuchKey(id.uuidString)
    }
    if record.revokedAt == nil {
      record.revokedAt = now.asStored
      try record.update(database)
    }
    try insertRevocation(issuer: record.issuer, nonce: record.nonce, now: now, database)
    try RisingCounter.generation.next(database)
    return record
  }

  /// Revokes every key that an issuer has signed up to now, also those that this host knows nothing of, and its invites.
  public func revokeAll(issuer: Address, now: Date = Date()) async throws {
    try await pool.write { database in
      try Self.revokeAll(of: issuer, now: now, database)
      try RisingCounter.generation.next(database)
    }
  }

  /// The same inside the caller's transaction: by counter, and key by key for those that are listed.
  static func revokeAll(of issuer: Address, now: Date, _ database: Database) throws {
    let counter = try RisingCounter.keyCounter.value(database)
    try database.execute(
      sql: """
        INSERT INTO counter_thresholds (issuer, threshold) VALUES (:issuer, :counter)
          ON CONFLICT (issuer) DO UPDATE SET threshold = max(threshold, excluded.threshold);
        INSERT OR IGNORE INTO revoked_keys (issuer, nonce, revoked_at)
          SELECT issuer, nonce, :now FROM access_keys WHERE issuer = :issuer OR audience = :issuer;
        UPDATE access_keys SET revoked_at = :now
          WHERE (issuer = :issuer OR audience = :issuer) AND revoked_at IS NULL;
        """,
      arguments: ["issuer": issuer, "counter": counter, "now": now.timeIntervalSince1970])
    try InviteStore.revokeAll(of: issuer, now: now, database)
  }

  private static func insertRevocation(
    issuer: Address, nonce: String, now: Date, _ database: Database
  ) throws {
    try database.execute(
      sql: "INSERT OR IGNORE INTO revoked_keys (issuer, nonce, revoked_at) VALUES (?, ?, ?)",
      arguments: [issuer, nonce, now.timeIntervalSince1970])
  }

  /// Takes a foreign issuer's keys for one agent or, without one, for any audience.
  public func allow(issuer: Address, for agent: Address? = nil) async throws {
    try await pool.write { database in
      try database.execute(
        sql: "INSERT OR IGNORE INTO whitelist (agent, issuer) VALUES (?, ?)",
        arguments: [agent?.checksummed ?? "", issuer])
      try RisingCounter.generation.next(database)
    }
  }

  /// A number that changes whenever the answer to "may this key in?" may have changed, also by another process.
  public func generation() async throws -> Int64 {
    try await pool.read { try RisingCounter.generation.value($0) }
  }

  /// Everything that the validator needs, as it was at one moment.
  public func validatorRules(master: Address) async throws -> AccessKeyValidator.Rules {
    try await pool.read { try Self.rules(master: master, $0) }
  }

  /// Agents, rules and their generation, as they were at one moment.
  public func moment(master: Address) async throws -> AccessMoment {
    try await pool.read { database in
      AccessMoment(
        generation: try RisingCounter.generation.value(database),
        agents: try AgentRecord.fetchAll(database), rules: try Self.rules(master: master, database))
    }
  }

  private static func rules(master: Address, _ database: Database) throws -> AccessKeyValidator.Rules {
    var rules = AccessKeyValidator.Rules(master: master, hasKeys: false)
    rules.agents = try Address.fetchSet(
      database, sql: "SELECT address FROM agents WHERE address IS NOT NULL")
    rules.hasKeys = try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM access_keys)") ?? false
    for row in try Row.fetchAll(database, sql: "SELECT issuer, nonce FROM revoked_keys") {
      rules.revokedKeys.insert(RevokedKey(issuer: row["issuer"], nonce: row["nonce"]))
    }
    for row in try Row.fetchAll(database, sql: "SELECT issuer, threshold FROM counter_thresholds") {
      rules.counterThresholds[row["issuer"]] = UInt64(row["threshold"] as Int64)
    }
    for row in try Row.fetchAll(database, sql: "SELECT agent, issuer FROM whitelist") {
      // An empty agent stands for every audience, and is no address that a row could be asked for.
      if row["agent"] == "" {
        rules.masterWhitelist.insert(row["issuer"])
      } else {
        rules.agentWhitelists[row["agent"], default: []].insert(row["issuer"])
      }
    }
    return rules
  }
}
