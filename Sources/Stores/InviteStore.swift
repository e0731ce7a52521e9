public import Foundation
import GRDB
public import Identity

/// An invite that was made here. From it, and with the agent's key, its link can be made again.
public struct InviteRecord: Codable, Hashable, Identifiable, Sendable {
  /// What became of an invite.
  public enum Status: String, Codable, CaseIterable, Sendable {
    case open, redeemed, expired, revoked
  }

  public let id: UUID
  public let nonce: String
  /// The agent that it lets in.
  public let agent: Address
  /// What it says of the agent, as it was when it was made.
  public let name: String
  public let description: String?
  /// Where it sends people to.
  public let url: String
  /// Whom it is for, in the owner's words.
  public let label: String?
  public let createdAt: Date
  public let expiresAt: Date
  public internal(set) var redeemedAt: Date?
  /// The network address from which it was redeemed.
  public internal(set) var redeemedFrom: String?
  /// The access key that came of it.
  public internal(set) var keyId: UUID?
  public internal(set) var revokedAt: Date?

  public func status(now: Date) -> Status {
    if revokedAt != nil { return .revoked }
    if redeemedAt != nil { return .redeemed }
    return now >= expiresAt ? .expired : .open
  }
}

extension InviteRecord: StoredRecord {
  public static let databaseTableName = "invites"
}

/// What came of redeeming an invite.
public struct Redemption: Sendable {
  public let invite: InviteRecord
  /// The answer for whoever redeemed it.
  public let answer: [UInt8]
  /// Whether the same attempt was answered before.
  public let isRepeated: Bool
}

/// The invites that were made here, and what became of them. An invite is used once: what takes it and what makes its
/// key is one transaction.
public struct InviteStore: Sendable {
  /// How many may wait to be redeemed at a time.
  public static let mostOpen = 256
  /// For how long the answer to a redemption is given again, in seconds.
  public static let repeatedFor: TimeInterval = 600
  /// How long an invite that nobody redeemed is listed after its end, in seconds.
  static let keptFor: TimeInterval = 30 * 86_400

  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// Every invite, the newest first.
  public func list() async throws -> [InviteRecord] {
    try await pool.read {
      try InviteRecord.order(Column("created_at").desc, Column("id")).fetchAll($0)
    }
  }

  /// Keeps an invite that was just made.
  /// - Throws: ``StoresError/tooManyInvites`` when as many as possible are open already.
  public func add(_ invite: Invite, label: String?, now: Date = Date()) async throws -> InviteRecord {
    try await pool.write { database in
      try Self.forgetOld(now: now, database)
      let open = try InviteRecord.filter(
        Column("revoked_at") == nil && Column("redeemed_at") == nil
          && Column("expires_at") > now.timeIntervalSince1970
      ).fetchCount(database)
      guard open < Self.mostOpen else { throw StoresError.tooManyInvites }
      let record = InviteRecord(
        id: UUID(), nonce: invite.nonce.text, agent: invite.agent, name: invite.details.name.asStored,
        description: invite.details.description?.asStored, url: invite.details.url, label: label?.asStored,
        createdAt: now.asStored, expiresAt: Date(timeIntervalSince1970: TimeInterval(invite.expiresAt)))
      try record.insert(database)
      return record
    }
  }

  /// Takes an invite: makes an access key for its agent, and notes both, at once and once.
  ///
  /// Whoever did not get the answer may ask for it again for a while, by the same `attempt`.
  /// - Parameters:
  ///   - agent: the key of the agent that made it.
  ///   - source: the network address that it comes from.
  ///   - attempt: what names this redemption; nil where nothing does.
  ///   - answer: makes the answer of the new key. If it throws, nothing has happened.
  /// - Throws: ``StoresError/unknownInvite``, ``StoresError/revokedInvite``, ``StoresError/usedInvite``,
  ///   ``StoresError/expiredInvite``, or what `answer` throws.
  public func redeem(
    _ invite: VerifiedInvite, by agent: SigningKey, from source: String, attempt: String?,
    now: Date = Date(), answer: @escaping @Sendable (InviteRecord, MintedAccessKey) throws -> [UInt8]
  ) async throws -> Redemption {
    try await pool.write { database in
      let presented = invite.invite
      guard
        var record = try InviteRecord.filter(Column("nonce") == presented.nonce.text).fetchOne(database),
        record.agent == presented.agent, record.agent == agent.address,
        Int64(record.expiresAt.timeIntervalSince1970) == presented.expiresAt
      else { throw StoresError.unknownInvite }
      guard record.revokedAt == nil else { throw StoresError.revokedInvite }
      if let redeemedAt = record.redeemedAt {
        guard let attempt, now < redeemedAt.addingTimeInterval(Self.repeatedFor),
          let earlier = try Self.answer(to: attempt, of: record, database)
        else { throw StoresError.usedInvite }
        return Redemption(invite: record, answer: earlier, isRepeated: true)
      }
      guard now < record.expiresAt else { throw StoresError.expiredInvite }
      let label =
        "Invite – \(record.label ?? record.name) (\(presented.nonce.text.prefix(8))) from \(source)"
      let (key, minted) = try AccessKeyStore.mint(
        by: agent, label: label, expiry: .year, now: now, nonce: UUID(), database)
      let answer = try answer(record, minted)
      record.redeemedAt = now.asStored
      record.redeemedFrom = source
      record.keyId = key.id
      try record.update(database)
      if let attempt {
        try database.execute(
          sql: "UPDATE invites SET attempt = ?, answer = ? WHERE id = ?",
          arguments: [attempt, Data(answer), record.id.uuidString])
      }
      return Redemption(invite: record, answer: answer, isRepeated: false)
    }
  }

  /// Takes an invite back, and the access key that came of it, at once. Doing so again changes nothing.
  /// - Throws: ``StoresError/noSuchInvite(_:)``.
  public func revoke(_ id: UUID, now: Date = Date()) async throws -> InviteRecord {
    try await pool.write { database in
      guard var record = try InviteRecord.filter(Column("id") == id.uuidString).fetchOne(database) else {
        throw StoresError.noSuchInvite(id.uuidString)
      }
      if record.revokedAt == nil {
        record.revokedAt = now.asStored
        try record.update(database)
      }
      try Self.forgetAnswer(of: record, database)
      if let key = record.keyId { try AccessKeyStore.revoke(key, now: now, database) }
      return record
    }
  }

  /// Takes back every invite of an agent, inside the caller's transaction.
  static func revokeAll(of agent: Address, now: Date, _ database: Database) throws {
    try database.execute(
      sql: "UPDATE invites SET revoked_at = ?, answer = NULL WHERE agent = ? AND revoked_at IS NULL",
      arguments: [now.timeIntervalSince1970, agent])
  }

  private static func answer(
    to attempt: String, of record: InviteRecord, _ database: Database
  ) throws -> [UInt8]? {
    try Data.fetchOne(
      database, sql: "SELECT answer FROM invites WHERE id = ? AND attempt = ?",
      arguments: [record.id.uuidString, attempt]
    ).map { [UInt8]($0) }
  }

  private static func forgetAnswer(of record: InviteRecord, _ database: Database) throws {
    try database.execute(
      sql: "UPDATE invites SET answer = NULL WHERE id = ?", arguments: [record.id.uuidString])
  }

  /// Drops answers that are not given again, and invites that ended long ago, unless a key that came of one could still
  /// be taken back with it.
  private static func forgetOld(now: Date, _ database: Database) throws {
    let now = now.timeIntervalSince1970
    try database.execute(
      sql: """
        UPDATE invites SET answer = NULL WHERE answer IS NOT NULL AND redeemed_at <= :answered;
        DELETE FROM invites WHERE expires_at <= :ended AND NOT EXISTS (
          SELECT 1 FROM access_keys WHERE access_keys.id = invites.key_id
            AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now));
        """,
      arguments: ["answered": now - repeatedFor, "ended": now - keptFor, "now": now])
  }
}
