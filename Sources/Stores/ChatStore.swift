public import Foundation
import GRDB
public import Storage

/// What was said on this host.
///
/// Attachments of 16 KiB and more are sealed files of their own (``BlobStore``), which turns refer to. A blob is put into its
/// place in the transaction that writes the reference, and taken away in one that sees no reference; SQLite lets one
/// of them run at a time, in all processes. So a blob that is referred to, or about to be, is never taken away.
public struct ChatStore: Sendable {
  /// From how many bytes on an attachment leaves its row.
  public static let blobThreshold = 16_384

  let pool: StoreDatabase
  let blobs: BlobStore

  /// - Parameter database: one with ``ChatSchema``.
  public init(_ database: StoreDatabase, blobs: BlobStore) {
    pool = database
    self.blobs = blobs
  }

  /// Makes sure that there is a history to write into.
  /// - Throws: ``StoresError/unavailable(reason:)``.
  public func checkAvailable() throws(StoresError) { try pool.check() }

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
    try await pool.staying(.writing) { pool in
      // Sealed before anybody has to wait for it; whether the conversation is new is looked at again then.
      let expectsNew = try await pool.provenRead { try Self.find(id, $0) } == nil
      let expected = try stage(turns(expectsNew))
      return try await pool.provenWrite { database in
        let known = try Self.find(id, database)
        let session =
          known
          ?? SessionRecord(
            id: id, agentID: agentID, title: title.asStored, model: model, source: source, openedBy: opener,
            createdAt: now.asStored, updatedAt: now.asStored)
        guard session.agentID == agentID, session.openedBy == opener else { throw StoresError.noSuchSession }
        if known == nil { try session.insert(database) }
        let said = (known == nil) == expectsNew ? expected : try stage(turns(known == nil))
        if !said.isEmpty { _ = try append(said, to: session, now: now, database) }
        return try Self.find(id, database) ?? session
      }
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
    try await pool.staying(.writing) { pool in
      let staged = try stage(turns)
      return try await pool.provenWrite { database in
        guard let session = try Self.find(sessionID, database) else { throw StoresError.noSuchSession }
        return try append(staged, to: session, now: now, database)
      }
    }
  }

  private func append(
    _ turns: [StagedTurn], to session: SessionRecord, now: Date, _ database: Database
  ) throws -> [TurnRecord] {
    let last = try Int.fetchOne(
      database, sql: "SELECT max(position) FROM turns WHERE session_id = ?",
      arguments: [session.id.uuidString])
    var position = (last ?? -1) + 1
    var records: [TurnRecord] = []
    for turn in turns {
      let said = turn.turn
      var record = TurnRecord(
        id: UUID(), sessionID: session.id, position: position, role: said.role,
        content: said.content.asStored, thinking: said.thinking.asStored,
        toolCalls: said.toolCalls?.asStored, toolCallID: said.toolCallID?.asStored,
        ending: said.ending, createdAt: now.asStored, contentHash: "")
      let attachments = turn.attachments.map { $0.row(of: record.id) }
      record.contentHash = TurnHash.of(record, attachments: attachments)
      try record.insert(database)
      for (attachment, row) in zip(turn.attachments, attachments) {
        if let staged = attachment.staged { try blobs.place(staged) }
        try row.insert(database)
      }
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

  private static let text = FullTextRanking(index: "turns_text", columns: ["content"], weights: [1])

  /// What was said with all of these words in it (the first ``FullTextQuery/mostWords`` of them), the best match first. Of
  /// more turns than ``FullTextRanking/mostRanked`` that have them, the newest ones are ranked.
  public func search(_ words: String, limit: Int = 50) async throws -> [TurnRecord] {
    guard let query = FullTextQuery(words) else { return [] }
    return try await pool.read { database in
      let statement = try database.cachedStatement(sql: "SELECT * FROM turns WHERE row_id = ?")
      return try Self.text.all(query, limit: limit, database).compactMap {
        try TurnRecord.fetchOne(statement, arguments: [$0.row])
      }
    }
  }

  /// Forgets a conversation and everything in it. Attachments that no other one has are gone with it.
  public func delete(_ id: UUID) async throws { try await delete(where: "id", is: id) }

  /// Forgets every conversation with an agent.
  /// - Returns: how many these were.
  @discardableResult
  public func deleteAll(agentID: UUID) async throws -> Int {
    try await delete(where: "agent_id", is: agentID)
  }

  /// How many conversations there are with an agent.
  public func count(agentID: UUID) async throws -> Int {
    try await pool.read { try SessionRecord.filter(Column("agent_id") == agentID.uuidString).fetchCount($0) }
  }

  @discardableResult
  private func delete(where column: String, is id: UUID) async throws -> Int {
    let (count, named) = try await pool.write { database in
      let named = try String.fetchAll(
        database,
        sql: """
          SELECT DISTINCT blob FROM attachments JOIN turns ON turns.id = attachments.turn_id
          JOIN sessions ON sessions.id = turns.session_id WHERE sessions.\(column) = ? AND blob IS NOT NULL
          """,
        arguments: [id.uuidString])
      let count = try SessionRecord.filter(Column(column) == id.uuidString).deleteAll(database)
      return (count, named)
    }
    // Only now is it certain that they are not referred to from here any more.
    try await collect(named.compactMap(BlobName.init(rawValue:)))
    return count
  }
}
