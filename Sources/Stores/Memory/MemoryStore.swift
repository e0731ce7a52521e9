public import Foundation
import GRDB

/// What agents remember. Every memory belongs to one agent, and is found, listed and forgotten by that agent alone;
/// the one exception is what the owner told all of them.
public struct MemoryStore: Sendable {
  /// The longest name of a conversation, in bytes.
  static let longestConversationName = 200

  let pool: StoreDatabase
  public let vectors: VectorLibrary

  /// - Parameters:
  ///   - pool: a database with ``MemorySchema``.
  ///   - vectorBound: how many bytes of vectors may be held in memory.
  public init(_ pool: StoreDatabase, vectorBound: Int = VectorLibrary.defaultBound) {
    self.pool = pool
    vectors = VectorLibrary(pool, bound: vectorBound)
  }

  /// Remembers something.
  /// - Throws: ``MemoryError``.
  @discardableResult
  public func add(_ memory: NewMemory, now: Date = Date()) async throws -> MemoryEntry {
    guard memory.agentID != nil || (memory.layer == .identity && memory.author == .owner) else {
      throw MemoryError.needsAgent
    }
    guard memory.salience >= 0, memory.salience <= 1 else { throw MemoryError.badSalience }
    let content = memory.content.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !content.isEmpty, content.utf8.count + memory.keywords.utf8.count <= NewMemory.longestContent else {
      throw MemoryError.badContent
    }
    let entry = MemoryEntry(
      id: UUID(), agentID: memory.agentID, layer: memory.layer, author: memory.author,
      conversationID: memory.conversationID, position: nil, role: nil, content: content.asStored,
      keywords: memory.keywords.asStored, salience: memory.salience, useCount: 0, lastUsedAt: nil,
      happenedAt: (memory.happenedAt ?? now).asStored, createdAt: now.asStored)
    try await pool.write { try entry.insert($0) }
    return entry
  }

  /// Takes a conversation in word for word, in place of what the agent remembered of the same conversation.
  ///
  /// - Parameter isToBeLearnedFrom: whether each exchange is also left for the next distillation.
  /// - Returns: how many exchanges were taken.
  /// - Throws: ``MemoryError``.
  @discardableResult
  public func ingest(
    _ turns: [ConversationTurn], conversation: String, agentID: UUID, date: Date? = nil,
    isToBeLearnedFrom: Bool = true, now: Date = Date()
  ) async throws -> Int {
    guard !conversation.isEmpty, conversation.utf8.count <= Self.longestConversationName else {
      throw MemoryError.badConversation
    }
    let lines = turns.flatMap { turn -> [(role: String, text: String, date: Date?)] in
      [("user", turn.user, turn.date)] + (turn.assistant.map { [("assistant", $0, turn.date)] } ?? [])
    }
    guard lines.allSatisfy({ $0.text.utf8.count <= NewMemory.longestContent }) else {
      throw MemoryError.badContent
    }
    let replaced = try await pool.write { database in
      let replaced = try Int64.fetchAll(
        database,
        sql: """
          DELETE FROM memories WHERE agent_id = ? AND conversation_id = ? AND layer = 'transcript' RETURNING row_id
          """, arguments: [agentID.uuidString, conversation])
      try database.execute(
        sql: "DELETE FROM pending_signals WHERE agent_id = ? AND conversation_id = ? AND claim IS NULL",
        arguments: [agentID.uuidString, conversation])
      for (position, line) in lines.enumerated() where !line.text.isEmpty {
        try MemoryEntry(
          id: UUID(), agentID: agentID, layer: .transcript, author: .conversation,
          conversationID: conversation.asStored, position: position, role: line.role,
          content: line.text.asStored, keywords: "", salience: 0.5, useCount: 0, lastUsedAt: nil,
          happenedAt: (line.date ?? date ?? now).asStored, createdAt: now.asStored
        ).insert(database)
      }
      if isToBeLearnedFrom {
        for turn in turns {
          try PendingSignal(
            agentID: agentID, conversationID: conversation.asStored, userMessage: turn.user.asStored,
            assistantMessage: turn.assistant?.asStored, createdAt: now.asStored
          ).insert(database)
        }
      }
      return replaced
    }
    await vectors.forget(replaced)
    return turns.count
  }

  /// What is remembered, the latest first; of one agent and by it alone, or everything.
  public func list(
    agentID: UUID? = nil, layers: Set<MemoryLayer> = Set(MemoryLayer.allCases), limit: Int = 200
  ) async throws -> [MemoryEntry] {
    try await pool.read { database in
      var request = MemoryEntry.filter(layers.map(\.rawValue).contains(Column("layer")))
        .order(Column("happened_at").desc, Column("row_id").desc).limit(limit)
      if let agentID { request = request.filter(Column("agent_id") == agentID.uuidString) }
      return try request.fetchAll(database)
    }
  }

  /// How much is remembered, by layer.
  public func counts() async throws -> [MemoryLayer: Int] {
    try await pool.read { database in
      let rows = try Row.fetchAll(database, sql: "SELECT layer, count(*) AS n FROM memories GROUP BY layer")
      return Dictionary(
        uniqueKeysWithValues: rows.compactMap { row in
          MemoryLayer(rawValue: row["layer"]).map { ($0, row["n"]) }
        })
    }
  }

  /// How much an agent remembers.
  public func count(agentID: UUID) async throws -> Int {
    try await pool.read { try MemoryEntry.filter(Column("agent_id") == agentID.uuidString).fetchCount($0) }
  }

  /// Forgets one memory: its row, its place in the index and its vector, all at once.
  /// - Throws: ``MemoryError/noSuchMemory(_:)``.
  public func forget(_ id: UUID) async throws {
    let row = try await pool.write { database in
      try Int64.fetchOne(
        database, sql: "DELETE FROM memories WHERE id = ? RETURNING row_id", arguments: [id.uuidString])
    }
    guard let row else { throw MemoryError.noSuchMemory(id.uuidString) }
    await vectors.forget([row])
  }

  /// Forgets all that an agent remembers, or what it does of some layers, or of one conversation.
  /// - Returns: how many memories that were.
  @discardableResult
  public func forgetAll(
    agentID: UUID, layers: Set<MemoryLayer> = Set(MemoryLayer.allCases), conversation: String? = nil
  ) async throws -> Int {
    let rows = try await pool.write { database in
      let marks = layers.map { _ in "?" }.joined(separator: ", ")
      var arguments: StatementArguments = [agentID.uuidString]
      arguments += StatementArguments(layers.map(\.rawValue))
      var condition = "agent_id = ? AND layer IN (\(marks))"
      if let conversation {
        condition += " AND conversation_id = ?"
        arguments += [conversation]
      }
      let rows = try Int64.fetchAll(
        database, sql: "DELETE FROM memories WHERE \(condition) RETURNING row_id", arguments: arguments)
      if layers.contains(.transcript) {
        var signals: StatementArguments = [agentID.uuidString]
        if let conversation { signals += [conversation] }
        try database.execute(
          sql: "DELETE FROM pending_signals WHERE agent_id = ?"
            + (conversation == nil ? "" : " AND conversation_id = ?"), arguments: signals)
      }
      return rows
    }
    await vectors.forget(rows)
    return rows.count
  }
}
