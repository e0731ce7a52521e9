import Foundation
import GRDB

/// The tables `vectors` and `embedding_models` beside a table of texts: a vector a row, deleted with it.
struct VectorTable: Sendable {
  /// The table of texts. Its numbers are in `row_id`.
  let table: String
  /// The columns that are embedded, those that are empty left out.
  let columns: [String]
  /// In which scope a row's vector is, as SQL.
  let scope: String

  /// As ``EmbeddableStore/unembedded(model:limit:)`` says.
  func unembedded(model: String, limit: Int, _ database: Database) throws -> [UnembeddedText] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT row_id, \(columns.joined(separator: ", ")) FROM \(table)
        WHERE NOT EXISTS (
          SELECT 1 FROM vectors JOIN embedding_models ON embedding_models.id = vectors.model_id
          WHERE vectors.row_id = \(table).row_id AND embedding_models.name = ?)
        ORDER BY row_id DESC LIMIT ?
        """, arguments: [model, limit])
    return rows.map { row in
      let texts: [String] = columns.map { row[$0] }
      return UnembeddedText(row: row[0], text: texts.filter { !$0.isEmpty }.joined(separator: "\n"))
    }
  }

  /// As ``EmbeddableStore/keep(_:)`` says.
  func keep(_ embeddings: [(text: UnembeddedText, embedding: Embedding)], _ database: Database) throws {
    for (text, embedding) in embeddings {
      let model = try Self.modelNumber(of: embedding, database)
      try database.execute(sql: "DELETE FROM vectors WHERE row_id = ?", arguments: [text.row])
      try database.execute(
        sql: """
          INSERT INTO vectors (row_id, model_id, scope, scale, code)
          SELECT row_id, ?, \(scope), ?, ? FROM \(table) WHERE row_id = ?
          """,
        arguments: [
          model, Double(embedding.scale), embedding.code.withUnsafeBytes { Data($0) }, text.row,
        ])
    }
  }

  /// How many rows have a vector.
  func count(_ database: Database) throws -> Int {
    try Int.fetchOne(database, sql: "SELECT count(*) FROM vectors") ?? 0
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
