public import Foundation
import GRDB
public import Identity

/// What is kept of an access key: never the key itself, nor its signature.
public struct AccessKeyRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  public let label: String
  /// The first digits of the SHA-256 of the key, which tell keys apart.
  public let fingerprint: String
  public let nonce: String
  public let counter: Int64
  public let issuer: Address
  public let audience: Address
  public let expiry: AccessKeyExpiry
  public let createdAt: Date
  public let expiresAt: Date?
  public internal(set) var revokedAt: Date?
  /// When it last opened something, as far as that was written down.
  public internal(set) var lastUsedAt: Date?
}

extension AccessKeyRecord: StoredRecord {
  public static let databaseTableName = "access_keys"
}

/// That an access key opened something.
public struct AccessKeyUse: Hashable, Sendable {
  public let issuer: Address
  public let nonce: String
  public let time: Date

  public init(issuer: Address, nonce: String, time: Date) {
    self.issuer = issuer
    self.nonce = nonce
    self.time = time
  }
}

/// What revoking all keys of an issuer, or of this host, came to.
public struct MassRevocation: Hashable, Sendable {
  /// How many listed keys were good, or at least not revoked, until then.
  public let keys: Int
  /// The counter up to which every key is refused.
  public let threshold: Int64
}

/// All that says who may come in, as it was at one moment. Of two, the one with the higher generation is the newer.
public struct AccessMoment: Sendable {
  public let generation: Int64
  public let agents: [AgentRecord]
  public let rules: AccessKeyValidator.Rules
}

/// The access keys that were made here, and what revokes them. A revocation outlives the record of its key.
public struct AccessKeyStore: Sendable {
  /// The fewest digits of a fingerprint that name a key.
  public static let shortestReference = 6

  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// Every key that was made here, the newest first.
  public func list() async throws -> [AccessKeyRecord] {
    try await pool.read {
      try AccessKeyRecord.order(Column("created_at").desc, Column("counter").desc).fetchAll($0)
    }
  }

  /// The key that a person means by its id, its fingerprint or the beginning of it, or its label. Of several with one
  /// label, the one that is not revoked.
  /// - Throws: ``StoresError/noSuchKey(_:)`` or ``StoresError/ambiguousKey(_:)``.
  public func find(reference: String) async throws -> AccessKeyRecord {
    let shown = String(reference.prefix(100))
    let digits = reference.lowercased()
    let isFingerprint = digits.utf8.count >= Self.shortestReference && digits.allSatisfy(\.isHexDigit)
    let named = try await list().filter { key in
      key.id == UUID(uuidString: reference) || key.label == reference
        || isFingerprint && key.fingerprint.hasPrefix(digits)
    }
    if named.count == 1 { return named[0] }
    let open = named.filter { $0.revokedAt == nil }
    guard open.count == 1 else {
      throw named.isEmpty ? StoresError.noSuchKey(shown) : StoresError.ambiguousKey(shown)
    }
    return open[0]
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
      expiresAt: claims.expiresAt.map { Date(timeIntervalSince1970: TimeInterval($0)) }, revokedAt: nil,
      lastUsedAt: nil)
    try record.insert(database)
    try RisingCounter.generation.next(database)
    return (record, minted)
  }

  /// Writes down when keys were used, all at once. Keys that were not made here are passed over. Who may come in does
  /// not depend on it.
  public func record(_ uses: [AccessKeyUse]) async throws {
    guard !uses.isEmpty else { return }
    try await pool.write { database in
      let update = try database.makeStatement(
        sql: """
          UPDATE access_keys SET last_used_at = max(ifnull(last_used_at, 0), ?) WHERE issuer = ? AND nonce = ?
          """)
      for use in uses {
        try update.execute(arguments: [use.time.timeIntervalSince1970, use.issuer, use.nonce])
      }
    }
  }

  // MARK: Revoking

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
    try database.execute(
      sql: "INSERT OR IGNORE INTO revoked_keys (issuer, nonce, revoked_at) VALUES (?, ?, ?)",
      arguments: [record.issuer, record.nonce, now.timeIntervalSince1970])
    try RisingCounter.generation.next(database)
    return record
  }

  /// Revokes every key that an issuer has signed until now, also those that this host knows nothing of, and every
  /// listed key for it, and takes its invites back.
  public func revokeAll(issuer: Address, now: Date = Date()) async throws -> MassRevocation {
    try await pool.write { database in
      let threshold = try Self.thresholdOfNow(now, database)
      let keys = try Self.revoke(upTo: threshold, by: issuer, now: now, database)
      try RisingCounter.generation.next(database)
      return MassRevocation(keys: keys, threshold: threshold)
    }
  }

  /// Revokes every key that this host's master and its agents have signed until now, and takes every invite back, all
  /// at once. What trusted issuers sign is theirs.
  public func revokeEverything(master: Address, now: Date = Date()) async throws -> MassRevocation {
    try await pool.write { database in
      let threshold = try Self.thresholdOfNow(now, database)
      let issuers = try Address.fetchSet(
        database,
        sql: """
          SELECT address FROM agents WHERE address IS NOT NULL UNION SELECT issuer FROM access_keys
          """)
      var keys = 0
      for issuer in issuers.union([master]) {
        keys += try Self.revoke(upTo: threshold, by: issuer, now: now, database)
      }
      try RisingCounter.generation.next(database)
      return MassRevocation(keys: keys, threshold: threshold)
    }
  }

  /// Every key that was made until now, on this host or on another one with the same identity, has a counter up to this
  /// one, and every later one has a higher one: counters count keys, and jump here to the time in Unix seconds.
  private static func thresholdOfNow(_ now: Date, _ database: Database) throws -> Int64 {
    try RisingCounter.keyCounter.raise(to: Int64(now.timeIntervalSince1970), database)
  }

  /// A threshold above every counter: nothing that the issuer signed or will sign is taken.
  private static let everything = Int64.max

  /// Revokes all that an address that goes for good has signed, ever signs, and was signed for, inside the caller's
  /// transaction.
  static func retire(_ address: Address, now: Date, _ database: Database) throws {
    _ = try revoke(upTo: everything, by: address, now: now, database)
  }

  /// Whether an address went for good.
  static func isRetired(_ address: Address, _ database: Database) throws -> Bool {
    try Int64.fetchOne(
      database, sql: "SELECT threshold FROM counter_thresholds WHERE issuer = ?", arguments: [address])
      == everything
  }

  /// Starts an address that is new here, inside the caller's transaction: keys of it with the counters of before were
  /// not made by this host.
  /// - Returns: Whether it is new.
  static func begin(_ address: Address, _ database: Database) throws -> Bool {
    try database.execute(
      sql: "INSERT OR IGNORE INTO counter_thresholds (issuer, threshold) VALUES (?, ?)",
      arguments: [address, try RisingCounter.keyCounter.value(database)])
    return database.changesCount == 1
  }

  /// By counter, and key by key for those that are listed.
  private static func revoke(
    upTo threshold: Int64, by issuer: Address, now: Date, _ database: Database
  ) throws -> Int {
    try database.execute(
      sql: """
        INSERT INTO counter_thresholds (issuer, threshold) VALUES (:issuer, :threshold)
          ON CONFLICT (issuer) DO UPDATE SET threshold = max(threshold, excluded.threshold)
        """,
      arguments: ["issuer": issuer, "threshold": threshold])
    try InviteStore.revokeAll(of: issuer, now: now, database)
    try database.execute(
      sql: """
        INSERT OR IGNORE INTO revoked_keys (issuer, nonce, revoked_at)
          SELECT issuer, nonce, :now FROM access_keys WHERE issuer = :issuer OR audience = :issuer
        """,
      arguments: ["issuer": issuer, "now": now.timeIntervalSince1970])
    try database.execute(
      sql: """
        UPDATE access_keys SET revoked_at = :now
          WHERE (issuer = :issuer OR audience = :issuer) AND revoked_at IS NULL
        """,
      arguments: ["issuer": issuer, "now": now.timeIntervalSince1970])
    return database.changesCount
  }

  // MARK: Who may come in

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
    var rules = AccessKeyValidator.Rules(master: master)
    rules.agents = try Address.fetchSet(
      database, sql: "SELECT address FROM agents WHERE address IS NOT NULL")
    for row in try Row.fetchAll(database, sql: "SELECT issuer, nonce FROM revoked_keys") {
      rules.revokedKeys.insert(RevokedKey(issuer: row["issuer"], nonce: row["nonce"]))
    }
    for row in try Row.fetchAll(database, sql: "SELECT issuer, threshold FROM counter_thresholds") {
      let threshold: Int64 = row["threshold"]
      rules.counterThresholds[row["issuer"]] = threshold == everything ? .max : UInt64(threshold)
    }
    rules.counterFloor = UInt64(
      try Int64.fetchOne(database, sql: "SELECT key_floor FROM identity") ?? 0)
    var trusted = 0
    for entry in try TrustedIssuerStore.list(database) {
      trusted += 1
      switch entry.scope {
      case .wholeHost: rules.masterWhitelist.insert(entry.issuer)
      case .everyAgent: rules.everyAgentWhitelist.insert(entry.issuer)
      case .agent(let agent): rules.agentWhitelists[agent, default: []].insert(entry.issuer)
      }
    }
    // A key whose record was lost is a key, and so is one that a trusted issuer makes.
    rules.hasKeys = try RisingCounter.keyCounter.value(database) > 0 || trusted > 0
    return rules
  }
}
