public import Foundation
import GRDB

/// How agents learned to do things. Every method belongs to one agent, and is found, changed and forgotten by that agent
/// alone; the one exception is what the owner wrote for all of them.
public struct MethodStore: Sendable {
  private static let text = FullTextRanking(
    index: "methods_text", columns: ["name", "description", "occasion", "body"],
    weights: [0, 0, 3, 1, 1, 0.5])

  let pool: StoreDatabase

  /// - Parameter database: one with ``MethodSchema``.
  public init(_ database: StoreDatabase) { pool = database }

  /// Keeps a method.
  /// - Parameters:
  ///   - agentID: whose it is; nil for all agents, which only the owner says.
  ///   - model: the model that wrote it; nil where the owner did.
  /// - Throws: ``MethodError``.
  public func add(
    _ text: MethodText, agentID: UUID?, writtenBy model: String?, now: Date = Date()
  ) async throws -> MethodRecord {
    guard agentID != nil || model == nil else { throw MethodError.needsAgent }
    let text = try text.checked()
    let method = MethodRecord(
      id: UUID(), agentID: agentID, author: model == nil ? .owner : .model, model: model?.asStored,
      tier: .active, name: text.name, description: text.description, occasion: text.occasion, body: text.body,
      tools: text.tools, version: 1, createdAt: now.asStored, updatedAt: now.asStored)
    try await pool.write { try method.insert($0) }
    return method
  }

  /// Rewrites a method, or takes it out of use or back.
  /// - Parameter agentID: who asks; nil for the owner, who may change any.
  /// - Throws: ``MethodError``.
  public func change(
    _ id: UUID, by agentID: UUID?, to text: MethodText? = nil, tier: MethodTier? = nil, now: Date = Date()
  ) async throws -> MethodRecord {
    let text = try text?.checked()
    return try await pool.write { database in
      var (row, method) = try Self.own(id, agentID, database)
      if let text {
        method.name = text.name
        method.description = text.description
        method.occasion = text.occasion
        method.body = text.body
        method.tools = text.tools
      }
      method.tier = tier ?? method.tier
      method.version += 1
      method.updatedAt = now.asStored
      try database.execute(
        sql: """
          UPDATE methods SET name = ?, description = ?, occasion = ?, body = ?, tools = ?, tier = ?, version = ?,
            updated_at = ? WHERE row_id = ?
          """,
        arguments: [
          method.name, method.description, method.occasion, method.body,
          String(decoding: try JSONEncoder().encode(method.tools), as: UTF8.self), method.tier,
          method.version, method.updatedAt.timeIntervalSince1970, row,
        ])
      return method
    }
  }

  /// Notes what came of a method.
  /// - Throws: ``MethodError/noSuchMethod(_:)``.
  public func note(
    _ event: MethodEvent, of id: UUID, agentID: UUID, model: String? = nil, notes: String = "",
    now: Date = Date()
  ) async throws {
    try await pool.write { database in
      let (row, method) = try Self.visible(id, agentID, database)
      try database.execute(
        sql: """
          INSERT INTO method_events (method_id, version, kind, agent_id, model, notes, created_at)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          row, method.version, event, agentID.uuidString, model?.asStored,
          String(notes.asStored.prefix(4096)),
          now.timeIntervalSince1970,
        ])
    }
  }

  /// One method, as an agent sees it, or as the owner does.
  /// - Throws: ``MethodError/noSuchMethod(_:)``.
  public func find(_ id: UUID, for agentID: UUID?) async throws -> MethodRecord {
    try await pool.read { try Self.visible(id, agentID, $0).method }
  }

  /// What all that came of a method amounts to.
  /// - Throws: ``MethodError/noSuchMethod(_:)``.
  public func score(of id: UUID, for agentID: UUID?) async throws -> MethodScore {
    try await pool.read { database in
      let (row, _) = try Self.visible(id, agentID, database)
      guard
        let score = try MethodScore.fetchOne(
          database, sql: "SELECT * FROM method_scores WHERE method_id = ?", arguments: [row])
      else { throw MethodError.noSuchMethod(id.uuidString) }
      return score
    }
  }

  /// The methods that an agent has, by name, those for all agents among them; or everything.
  public func list(for agentID: UUID? = nil, limit: Int = 200) async throws -> [MethodRecord] {
    try await pool.read { database in
      var request = MethodRecord.order(Column("name"), Column("row_id")).limit(limit)
      if let agentID {
        request = request.filter(Column("agent_id") == agentID.uuidString || Column("agent_id") == nil)
      }
      return try request.fetchAll(database)
    }
  }

  /// The active methods of an agent that fit what is to be done, the best first.
  public func search(_ question: String, for agentID: UUID, limit: Int = 5) async throws -> [MethodRecord] {
    guard let query = FullTextQuery(question) else { return [] }
    let scope = MemoryQuestion.scope(of: agentID)
    let filter = FullTextRanking.Filter(
      text: "scope : (\"\(scope)\" OR \"\(MemoryQuestion.everybody)\") AND tier : \"active\" AND ", phrases: 3
    )
    return try await pool.read { database in
      let rows = try Self.text.any(query, where: filter, enough: limit, limit: HybridRanking.depth, database)
      var found: [(method: MethodRecord, score: Double)] = []
      for row in rows {
        guard
          let method = try MethodRecord.fetchOne(
            database, sql: "SELECT * FROM methods WHERE row_id = ?", arguments: [row.row]),
          let score = try MethodScore.fetchOne(
            database, sql: "SELECT * FROM method_scores WHERE method_id = ?", arguments: [row.row]),
          // The ranking chooses by scope alone; this is what decides.
          method.agentID == nil || method.agentID == agentID, method.tier == .active
        else { continue }
        found.append((method, Double(row.score) * (0.5 + score.successRate)))
      }
      return found.sorted { $0.score > $1.score }.prefix(limit).map(\.method)
    }
  }

  /// How many methods an agent learned.
  public func count(agentID: UUID) async throws -> Int {
    try await pool.read { try MethodRecord.filter(Column("agent_id") == agentID.uuidString).fetchCount($0) }
  }

  /// Forgets a method with all that came of it.
  /// - Throws: ``MethodError/noSuchMethod(_:)``.
  public func forget(_ id: UUID, by agentID: UUID?) async throws {
    try await pool.write { database in
      let (row, _) = try Self.own(id, agentID, database)
      try database.execute(sql: "DELETE FROM methods WHERE row_id = ?", arguments: [row])
    }
  }

  /// Forgets all that an agent learned, and that it used what the owner wrote.
  /// - Returns: how many methods these were.
  @discardableResult
  public func forgetAll(agentID: UUID) async throws -> Int {
    try await pool.write { database in
      try database.execute(
        sql: "DELETE FROM method_events WHERE agent_id = ?", arguments: [agentID.uuidString])
      try database.execute(sql: "DELETE FROM methods WHERE agent_id = ?", arguments: [agentID.uuidString])
      return database.changesCount
    }
  }

  /// A method that an agent may use.
  private static func visible(
    _ id: UUID, _ agentID: UUID?, _ database: Database
  ) throws -> (row: Int64, method: MethodRecord) {
    guard
      let row = try Row.fetchOne(
        database, sql: "SELECT * FROM methods WHERE id = ?", arguments: [id.uuidString]),
      case let method = try MethodRecord(row: row),
      agentID == nil || method.agentID == nil || method.agentID == agentID
    else { throw MethodError.noSuchMethod(id.uuidString) }
    return (row["row_id"], method)
  }

  /// A method that an agent may change: its own, or any for the owner.
  private static func own(
    _ id: UUID, _ agentID: UUID?, _ database: Database
  ) throws -> (row: Int64, method: MethodRecord) {
    let found = try visible(id, agentID, database)
    guard agentID == nil || found.method.agentID == agentID else {
      throw MethodError.noSuchMethod(id.uuidString)
    }
    return found
  }
}
