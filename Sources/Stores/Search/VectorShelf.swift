import Foundation
import GRDB

/// The vectors of one scope and model.
final class VectorShelf {
  struct Place: Hashable, Sendable {
    let scope: String
    let model: Int64
  }

  let place: Place
  let isScanned: Bool
  var lastUse = 0
  private var scan: VectorScan
  private var sketches: VectorSketches
  private var lastChange: Int64 = 0

  init(_ place: Place, dimensions: Int, asSketches: Bool) {
    self.place = place
    isScanned = !asSketches
    scan = VectorScan(dimensions: dimensions)
    sketches = VectorSketches(dimensions: dimensions)
  }

  var count: Int { isScanned ? scan.count : sketches.count }
  var byteCount: Int { isScanned ? scan.byteCount : sketches.byteCount }
  var isLocked: Bool { isScanned ? scan.isLocked : sketches.isLocked }

  func remove(_ row: Int64) {
    scan.remove(row: row)
    sketches.remove(row: row)
  }

  /// Reads the vectors that came after the last one seen.
  func update(from pool: DatabasePool) throws {
    try pool.provenReadNow { database in
      let changes = try Row.fetchCursor(
        database,
        sql: """
          SELECT change, row_id, scale, code FROM vectors
          WHERE scope = ? AND model_id = ? AND change > ? ORDER BY change
          """, arguments: [place.scope, place.model, lastChange])
      while let change = try changes.next() {
        lastChange = change[0]
        let row: Int64 = change[1]
        let scale: Double = change[2]
        try change.withUnsafeData(named: "code") { code in
          guard let code, code.count == scan.dimensions else { return }
          code.withUnsafeBytes { bytes in
            if isScanned {
              scan.insert(bytes, scale: Float(scale), row: row)
            } else {
              sketches.insert(bytes, row: row)
            }
          }
        }
      }
    }
  }

  func nearest(to query: Embedding, limit: Int, in pool: DatabasePool) throws -> [ScoredRow] {
    if isScanned { return scan.nearest(to: query, limit: limit) }
    let candidates = sketches.candidates(
      for: query, limit: max(1000, limit * VectorLibrary.candidates))
    var best = BestRows(limit: limit)
    try pool.provenReadNow { database in
      let statement = try database.cachedStatement(sql: "SELECT scale, code FROM vectors WHERE row_id = ?")
      for row in candidates {
        guard let found = try Row.fetchOne(statement, arguments: [row]),
          let vector = Embedding(model: query.model, scale: found[0], code: found[1])
        else { continue }
        best.offer(row, query.similarity(to: vector))
      }
    }
    return best.sorted()
  }

  /// The number of a model in the database; nil where it has made no vector of these dimensions.
  static func model(of embedding: Embedding, in pool: DatabasePool) throws -> Int64? {
    try pool.provenReadNow { database in
      try Int64.fetchOne(
        database, sql: "SELECT id FROM embedding_models WHERE name = ? AND dimensions = ?",
        arguments: [embedding.model, embedding.dimensions])
    }
  }

  static func countInDatabase(_ place: Place, _ pool: DatabasePool) throws -> Int {
    try pool.provenReadNow { database in
      try Int.fetchOne(
        database, sql: "SELECT count(*) FROM vectors WHERE scope = ? AND model_id = ?",
        arguments: [place.scope, place.model]) ?? 0
    }
  }
}
