public import Foundation
public import GRDB
public import Identity

/// Where a conversation came from.
public enum SessionSource: String, Codable, Sendable {
  case chat
  case http
}

/// Who opened a conversation, and alone goes on with it: the owner, or the holder of one access key.
public struct SessionOpener: RawRepresentable, Codable, Hashable, Sendable, DatabaseValueConvertible {
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }

  /// The person whose host this is.
  public static let owner = SessionOpener(rawValue: "owner")

  /// Whoever holds the key that `issuer` signed with this nonce.
  public static func accessKey(issuer: Address, nonce: String) -> SessionOpener {
    SessionOpener(rawValue: "\(issuer.checksummed):\(nonce)")
  }
}

/// A conversation.
public struct SessionRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  /// The agent it is with; nil for a plain chat with a model.
  public let agentID: UUID?
  public var title: String
  public var model: String?
  public let source: SessionSource
  public let openedBy: SessionOpener
  public let createdAt: Date
  public internal(set) var updatedAt: Date

  enum CodingKeys: String, CodingKey {
    case id, title, model, source, openedBy, createdAt, updatedAt
    case agentID = "agentId"
  }
}

extension SessionRecord: StoredRecord {
  public static let databaseTableName = "sessions"
}

/// How a turn came to its end.
public enum TurnEnding: String, Codable, Sendable {
  case complete
  /// The one who asked went away.
  case cancelled
  /// The model failed on the way.
  case cut
}

/// One thing that was said.
public struct TurnRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  public let sessionID: UUID
  /// Its place in the conversation, from 0.
  public let position: Int
  public let role: String
  public let content: String
  public let thinking: String
  /// The model's tool calls, as JSON.
  public let toolCalls: String?
  public let toolCallID: String?
  public let ending: TurnEnding
  public let createdAt: Date

  enum CodingKeys: String, CodingKey {
    case id, position, role, content, thinking, toolCalls, ending, createdAt
    case sessionID = "sessionId"
    case toolCallID = "toolCallId"
  }
}

extension TurnRecord: StoredRecord {
  public static let databaseTableName = "turns"
}

/// Something to be said: a turn before it has a place.
public struct NewTurn: Sendable {
  public var role: String
  public var content: String
  public var thinking: String
  public var toolCalls: String?
  public var toolCallID: String?
  public var ending: TurnEnding

  public init(
    role: String, content: String, thinking: String = "", toolCalls: String? = nil,
    toolCallID: String? = nil, ending: TurnEnding = .complete
  ) {
    self.role = role
    self.content = content
    self.thinking = thinking
    self.toolCalls = toolCalls
    self.toolCallID = toolCallID
    self.ending = ending
  }
}

/// What was said on this host.
public struct ChatStore: Sendable {
  private let pool: DatabasePool

  /// - Parameter pool: a database with ``ChatSchema``.
  public init(_ pool: DatabasePool) { self.pool = pool }

  /// Opens a conversation, or goes on with one of the same opener with the same agent, and adds what is said next,
  /// all at once.
  ///
  /// - Parameter turns: what is said next, given whether the conversation is new.
  /// - Throws: ``StoresError/noSuchSession`` when the id belongs to a conversation of or with somebody else.
  public func openSession(
    _ id: UUID, agentID: UUID?, openedBy opener: SessionOpener, title: String, model: String?,
    source: SessionSource, now: Date = Date(),
    saying turns: @escaping @Sendable (Bool) -> [NewTurn] = { _ in [] }
  ) async throws -> SessionRecord {
    try await pool.write { database in
      let known = try Self.find(id, database)
      let session =
        known
        ?? SessionRecord(
          id: id, agentID: agentID, title: title.asStored, model: model, source: source, openedBy: opener,
          createdAt: now.asStored, updatedAt: now.asStored)
      guard session.agentID == agentID, session.openedBy == opener else { throw StoresError.noSuchSession }
      if known == nil { try session.insert(database) }
      let turns = turns(known == nil)
      if !turns.isEmpty { _ = try Self.append(turns, to: session, now: now, database) }
      return try Self.find(id, database) ?? session
    }
  }

  /// Whether ``openSession(_:agentID:openedBy:title:model:source:now:saying:)`` would open it, as of now.
  public func mayOpen(_ id: UUID, agentID: UUID?, openedBy opener: SessionOpener) async throws -> Bool {
    guard let session = try await session(id) else { return true }
    return session.agentID == agentID && session.openedBy == opener
  }

  /// Adds to the end of a conversation.
  /// - Throws: ``StoresError/noSuchSession``.
  @discardableResult
  public func append(
    _ turns: [NewTurn], to sessionID: UUID, now: Date = Date()
  ) async throws -> [TurnRecord] {
    try await pool.write { database in
      guard let session = try Self.find(sessionID, database) else { throw StoresError.noSuchSession }
      return try Self.append(turns, to: session, now: now, database)
    }
  }

  private static func append(
    _ turns: [NewTurn], to session: SessionRecord, now: Date, _ database: Database
  ) throws -> [TurnRecord] {
    let last = try Int.fetchOne(
      database, sql: "SELECT max(position) FROM turns WHERE session_id = ?",
      arguments: [session.id.uuidString])
    var position = (last ?? -1) + 1
    var records: [TurnRecord] = []
    for turn in turns {
      let record = TurnRecord(
        id: UUID(), sessionID: session.id, position: position, role: turn.role,
        content: turn.content.asStored, thinking: turn.thinking.asStored,
        toolCalls: turn.toolCalls?.asStored, toolCallID: turn.toolCallID?.asStored,
        ending: turn.ending, createdAt: now.asStored)
      try record.insert(database)
      records.append(record)
      position += 1
    }
    var session = session
    session.updatedAt = now.asStored
    try session.update(database)
    return records
  }

  private static func find(_ id: UUID, _ database: Database) throws -> SessionRecord? {
    try SessionRecord.filter(Column("id") == id.uuidString).fetchOne(database)
  }

  /// The conversations, the latest first; of one agent, or all.
  public func sessions(agentID: UUID? = nil, limit: Int = 200) async throws -> [SessionRecord] {
    try await pool.read { database in
      var request = SessionRecord.order(Column("updated_at").desc).limit(limit)
      if let agentID { request = request.filter(Column("agent_id") == agentID.uuidString) }
      return try request.fetchAll(database)
    }
  }

  /// One conversation.
  public func session(_ id: UUID) async throws -> SessionRecord? {
    try await pool.read { try Self.find(id, $0) }
  }

  /// What was said in a conversation, in order.
  public func turns(of sessionID: UUID) async throws -> [TurnRecord] {
    try await pool.read {
      try TurnRecord.filter(Column("session_id") == sessionID.uuidString).order(Column("position")).fetchAll(
        $0)
    }
  }

  /// What was said with all of these words in it, the best match first.
  public func search(_ words: String, limit: Int = 50) async throws -> [TurnRecord] {
    guard let pattern = FTS5Pattern(matchingAllTokensIn: words) else { return [] }
    return try await pool.read { database in
      try TurnRecord.fetchAll(
        database,
        sql: """
          SELECT turns.* FROM turns JOIN turns_text ON turns_text.rowid = turns.row_id
          WHERE turns_text MATCH ? ORDER BY turns_text.rank LIMIT ?
          """,
        arguments: [pattern, limit])
    }
  }

  /// Forgets a conversation and everything in it.
  public func delete(_ id: UUID) async throws {
    _ = try await pool.write { try SessionRecord.filter(Column("id") == id.uuidString).deleteAll($0) }
  }
}
