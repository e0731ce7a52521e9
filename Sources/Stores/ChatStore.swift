public import Foundation
public import GRDB

/// Where a conversation came from.
public enum SessionSource: String, Codable, Sendable {
  case chat
  case http
}

/// A conversation.
public struct SessionRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  /// The agent it is with; nil for a plain chat with a model.
  public let agentID: UUID?
  public var title: String
  public var model: String?
  public let source: SessionSource
  public let createdAt: Date
  public internal(set) var updatedAt: Date

  enum CodingKeys: String, CodingKey {
    case id, title, model, source, createdAt, updatedAt
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

  /// Opens a conversation, or goes on with one of the same agent.
  /// - Throws: ``StoresError/noSuchSession`` when the id belongs to a conversation with somebody else.
  public func openSession(
    _ id: UUID, agentID: UUID?, title: String, model: String?, source: SessionSource, now: Date = Date()
  ) async throws -> SessionRecord {
    try await pool.write { database in
      if let session = try SessionRecord.filter(Column("id") == id.uuidString).fetchOne(database) {
        guard session.agentID == agentID else { throw StoresError.noSuchSession }
        return session
      }
      let session = SessionRecord(
        id: id, agentID: agentID, title: title.asStored, model: model, source: source,
        createdAt: now.asStored,
        updatedAt: now.asStored)
      try session.insert(database)
      return session
    }
  }

  /// Adds to the end of a conversation.
  /// - Throws: ``StoresError/noSuchSession``.
  @discardableResult
  public func append(
    _ turns: [NewTurn], to sessionID: UUID, now: Date = Date()
  ) async throws -> [TurnRecord] {
    try await pool.write { database in
      guard var session = try SessionRecord.filter(Column("id") == sessionID.uuidString).fetchOne(database)
      else { throw StoresError.noSuchSession }
      let last = try Int.fetchOne(
        database, sql: "SELECT max(position) FROM turns WHERE session_id = ?",
        arguments: [sessionID.uuidString])
      var position = (last ?? -1) + 1
      var records: [TurnRecord] = []
      for turn in turns {
        let record = TurnRecord(
          id: UUID(), sessionID: sessionID, position: position, role: turn.role,
          content: turn.content.asStored, thinking: turn.thinking.asStored,
          toolCalls: turn.toolCalls?.asStored, toolCallID: turn.toolCallID?.asStored,
          ending: turn.ending, createdAt: now.asStored)
        try record.insert(database)
        records.append(record)
        position += 1
      }
      session.updatedAt = now.asStored
      try session.update(database)
      return records
    }
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
    try await pool.read { try SessionRecord.filter(Column("id") == id.uuidString).fetchOne($0) }
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
