import CVectors
import SecretMemory

/// Embeddings side by side in memory, and the nearest of them by looking at each.
struct VectorScan: ~Copyable, Sendable {
  let dimensions: Int
  private var codes = LockedPages()
  private var scales: [Float] = []
  private var rows: [Int64] = []
  private var places: [Int64: Int] = [:]

  init(dimensions: Int) { self.dimensions = dimensions }

  var count: Int { rows.count }
  /// The bytes in use.
  var byteCount: Int { codes.count + rows.count * 44 }
  /// Whether the vectors are kept out of swap.
  var isLocked: Bool { codes.isLocked }

  /// Adds the vector of a row, a signed byte a dimension, or puts it in place of the row's earlier one.
  mutating func insert(_ code: UnsafeRawBufferPointer, scale: Float, row: Int64) {
    precondition(code.count == dimensions, "a vector of another space")
    remove(row: row)
    codes.append(dimensions) { $0.copyMemory(from: code) }
    places[row] = rows.count
    scales.append(scale)
    rows.append(row)
  }

  /// Forgets a row; the last vector takes its place.
  mutating func remove(row: Int64) {
    guard let place = places.removeValue(forKey: row) else { return }
    let last = rows.count - 1
    if place != last {
      let dimensions = dimensions
      codes.withUnsafeMutableBytes { bytes in
        for index in 0..<dimensions { bytes[place * dimensions + index] = bytes[last * dimensions + index] }
      }
      rows[place] = rows[last]
      scales[place] = scales[last]
      places[rows[place]] = place
    }
    rows.removeLast()
    scales.removeLast()
    codes.removeLast(dimensions)
  }

  /// The `limit` rows nearest to `query`, the nearest first.
  borrowing func nearest(to query: Embedding, limit: Int) -> [ScoredRow] {
    guard query.dimensions == dimensions, !rows.isEmpty else { return [] }
    let products = [Int32](unsafeUninitializedCapacity: rows.count) { products, filled in
      codes.withUnsafeBytes { bytes in
        query.code.withUnsafeBufferPointer { query in
          vectors_inner_products(
            query.baseAddress, bytes.baseAddress?.assumingMemoryBound(to: Int8.self), rows.count,
            dimensions, products.baseAddress)
        }
      }
      filled = rows.count
    }
    var best = BestRows(limit: limit)
    for index in rows.indices {
      best.offer(rows[index], Float(products[index]) * scales[index] * query.scale)
    }
    return best.sorted()
  }
}
