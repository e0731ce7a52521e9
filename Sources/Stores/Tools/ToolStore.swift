public import Foundation
import GRDB

/// The index of the tools that there are, whoever brings them.
public struct ToolStore: EmbeddableStore {
  /// The most tools that one source brings.
  public static let mostOfOneSource = 1000

  private static let table = VectorTable(
    table: "tools", columns: ["name", "description", "parameter_words"], scope: "'\(ToolStore.scope)'")
  static let scope = "tools"

  let pool: StoreDatabase
  public let vectors: VectorLibrary

  /// - Parameter database: one with ``ToolIndexSchema``.
  public init(_ database: StoreDatabase, vectorBound: Int = 16 * 1024 * 1024) {
    pool = database
    vectors = VectorLibrary(database, bound: vectorBound)
  }

  /// Says which tools a source brings, all at once: those that it does not bring any more go, and those that are as they
  /// were keep their time and their vectors.
  /// - Throws: ``ToolError/nameTwice(_:)``, ``ToolError/tooMany(source:)``.
  public func replace(_ tools: [NewTool], of source: ToolSource, now: Date = Date()) async throws {
    guard tools.count <= Self.mostOfOneSource else { throw ToolError.tooMany(source: source.rawValue) }
    var names: Set<ToolName> = []
    for tool in tools where !names.insert(tool.name).inserted {
      throw ToolError.nameTwice(tool.name.rawValue)
    }
    let changed = try await pool.write { database in
      var changed: [Int64] = []
      var known: [ToolName: (row: Int64, tool: ToolRecord)] = [:]
      for row in try Row.fetchAll(
        database, sql: "SELECT * FROM tools WHERE source = ?", arguments: [source])
      {
        let tool = try ToolRecord(row: row)
        known[tool.name] = (row["row_id"], tool)
      }
      for tool in tools {
        let old = known.removeValue(forKey: tool.name)
        if let old, old.tool.isAs(tool) { continue }
        if let old { changed.append(old.row) }
        try database.execute(
          sql: """
            INSERT INTO tools (source, name, description, runtime, parameters, parameter_words, updated_at)
            VALUES (:source, :name, :description, :runtime, :parameters, :words, :now)
            ON CONFLICT (id) DO UPDATE SET description = :description, runtime = :runtime, parameters = :parameters,
              parameter_words = :words, updated_at = :now
            """,
          arguments: [
            "source": source, "name": tool.name, "description": tool.description, "runtime": tool.runtime,
            "parameters": tool.parameters, "words": tool.parameters.words.asStored,
            "now": now.timeIntervalSince1970,
          ])
      }
      for (row, _) in known.values {
        try database.execute(sql: "DELETE FROM tools WHERE row_id = ?", arguments: [row])
        changed.append(row)
      }
      return changed
    }
    await vectors.forget(changed)
  }

  /// The tools, by source and name.
  public func list() async throws -> [ToolRecord] {
    try await pool.read { try ToolRecord.order(Column("source"), Column("name")).fetchAll($0) }
  }

  /// One tool, by its id or, where one alone has it, by its name.
  /// - Throws: ``ToolError/noSuchTool(_:)``, ``ToolError/ambiguousTool(_:ids:)``.
  public func find(_ reference: String) async throws -> ToolRecord {
    let found = try await pool.read {
      try ToolRecord.fetchAll(
        $0, sql: "SELECT * FROM tools WHERE id = :reference OR name = :reference ORDER BY source",
        arguments: ["reference": reference])
    }
    // No name has a slash, and every id does.
    guard let first = found.first else { throw ToolError.noSuchTool(reference) }
    guard found.count == 1 else { throw ToolError.ambiguousTool(reference, ids: found.map(\.id)) }
    return first
  }

  public func unembedded(model: String, limit: Int) async throws -> [UnembeddedText] {
    try await pool.read { try Self.table.unembedded(model: model, limit: limit, $0) }
  }

  public func keep(_ embeddings: [(text: UnembeddedText, embedding: Embedding)]) async throws {
    try await pool.write { try Self.table.keep(embeddings, $0) }
  }

  public func embeddedCount() async throws -> Int { try await pool.read { try Self.table.count($0) } }
}

extension ToolRecord {
  fileprivate func isAs(_ tool: NewTool) -> Bool {
    name == tool.name && description == tool.description && runtime == tool.runtime
      && parameters == tool.parameters
  }
}
