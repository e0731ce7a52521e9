import Foundation
import GRDB

/// A memory that has no vector of a model yet.
public struct UnembeddedMemory: Hashable, Sendable {
  let row: Int64
  /// What is to be embedded.
  public let text: String
}

extension MemoryStore {
  /// Memories that a model has made no vector of yet, the latest first.
  public func unembedded(model: String, limit: Int) async throws -> [UnembeddedMemory] {
    try await pool.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT row_id, content, keywords FROM memories
          WHERE NOT EXISTS (
            SELECT 1 FROM vectors JOIN embedding_models ON embedding_models.id = vectors.model_id
            WHERE vectors.row_id = memories.row_id AND embedding_models.name = ?)
          ORDER BY row_id DESC LIMIT ?
          """, arguments: [model, limit]
      ).map { row in
        let keywords: String = row[2]
        let content: String = row[1]
        return UnembeddedMemory(row: row[0], text: keywords.isEmpty ? content : "\(content)\n\(keywords)")
      }
    }
  }

  /// Keeps the vectors of memories. One that was forgotten meanwhile is passed over. When a model comes back with another
  /// number of dimensions, its earlier vectors go, and their memories are unembedded again.
  public func keep(_ embeddings: [(memory: UnembeddedMemory, embedding: Embedding)]) async throws {
    try await pool.write { database in
      for (memory, embedding) in embeddings {
        let model = try Self.modelNumber(of: embedding, database)
        try database.execute(sql: "DELETE FROM vectors WHERE row_id = ?", arguments: [memory.row])
        try database.execute(
          sql: """
            INSERT INTO vectors (row_id, model_id, scope, scale, code)
            SELECT row_id, ?, scope || ':' || layer, ?, ? FROM memories WHERE row_id = ?
            """,
          arguments: [
            model, Double(embedding.scale), embedding.code.withUnsafeBytes { Data($0) }, memory.row,
          ])
      }
    }
  }

  /// How many memories have a vector.
  public func embeddedCount() async throws -> Int {
    try await pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM vectors") ?? 0 }
  }

  private static func modelNumber(of embedding: Embedding, _ database: Database) throws -> Int64 {
    if let known = try Row.fetchOne(
      database, sql: "SELECT id, dimensions FROM embedding_models WHERE name = ?",
      arguments: [embedding.model])
    {
      let model: Int64 = known[0]
      if known[1] as Int == embedding.dimensions { return model }
      try database.execute(sql: "DELETE FROM vectors WHERE model_id = ?", arguments: [model])
      try database.execute(sql: "DELETE FROM embedding_models WHERE id = ?", arguments: [model])
    }
    try database.execute(
      sql: "INSERT INTO embedding_models (name, dimensions) VALUES (?, ?)",
      arguments: [embedding.model, embedding.dimensions])
    return database.lastInsertedRowID
  }
}
