public import Foundation
public import GRDB
public import Identity

/// What a host must not forget when the database of an earlier one of the same identity takes the place of its own: numbers
/// that only rise, and what was revoked.
public struct EarlierHost: Sendable {
  private let counters: [String: Int64]
  private let floor: Int64
  private let thresholds: [String: Int64]
  private let revoked: [RevokedKey]

  private struct RevokedKey: Sendable {
    let issuer: String
    let nonce: String
    let time: Double
  }

  /// Reads it from a host's own database.
  public init(_ database: Database) throws {
    counters = try Dictionary(
      uniqueKeysWithValues: Row.fetchAll(database, sql: "SELECT name, value FROM counters").map {
        ($0["name"], $0["value"])
      })
    floor = try Int64.fetchOne(database, sql: "SELECT key_floor FROM identity") ?? 0
    thresholds = try Dictionary(
      uniqueKeysWithValues: Row.fetchAll(database, sql: "SELECT issuer, threshold FROM counter_thresholds")
        .map {
          ($0["issuer"], $0["threshold"])
        })
    revoked = try Row.fetchAll(database, sql: "SELECT issuer, nonce, revoked_at FROM revoked_keys").map {
      RevokedKey(issuer: $0["issuer"], nonce: $0["nonce"], time: $0["revoked_at"])
    }
  }

  /// What is not empty in a host's own database, in a word; nil where nobody has made anything with it yet.
  public static func holding(_ database: Database) throws -> String? {
    for (table, word) in [
      ("agents", "agents"), ("access_keys", "access keys"), ("invites", "invites"),
      ("whitelist", "trusted issuers"),
    ] where try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM \(table))") == true {
      return word
    }
    return nil
  }

  /// Brings the database of the earlier host to it, in the caller's transaction. The earlier host may have gone on after it was
  /// exported, so indices of agents are counted from a block of their own, and its past is not known from here on. Where the
  /// host's owner has shut old keys, those of the earlier host are shut.
  /// - Parameter master: the identity of both.
  public func carry(into database: Database, of master: Address, now: Date = Date()) throws {
    try database.execute(sql: "UPDATE identity SET master = coalesce(master, ?)", arguments: [master])
    var random = SystemRandomNumberGenerator()
    for (name, value) in counters {
      try database.execute(
        sql: "UPDATE counters SET value = max(value, ?) WHERE name = ?", arguments: [value, name])
    }
    for (issuer, threshold) in thresholds {
      try database.execute(
        sql: """
          INSERT INTO counter_thresholds (issuer, threshold) VALUES (?, ?)
            ON CONFLICT (issuer) DO UPDATE SET threshold = max(threshold, excluded.threshold)
          """, arguments: [issuer, threshold])
    }
    for key in revoked {
      try database.execute(
        sql: "INSERT OR IGNORE INTO revoked_keys (issuer, nonce, revoked_at) VALUES (?, ?, ?)",
        arguments: [key.issuer, key.nonce, key.time])
    }
    try database.execute(
      sql: "UPDATE identity SET is_past_known = 0, key_floor = max(key_floor, ?)", arguments: [floor])
    try AgentIndices.begin(
      at: AgentIndexBlock.start(above: AgentIndices.last(database), using: &random), database)
    if floor > 0 { try IdentityStore.revokeEveryKey(now: now, database) }
    try RisingCounter.generation.next(database)
  }
}
