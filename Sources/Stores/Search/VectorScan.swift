import CVectors

/// Embeddings side by side in memory, and the nearest of them by looking at each.
struct VectorScan: ~Copyable, Sendable {
  let dimensions: Int
  private var codes: PackedRows
  /// What a byte of 1 stands for, row by row.
  private var scales: [Float] = []

  init(dimensions: Int) {
    self.dimensions = dimensions
    codes = PackedRows(width: dimensions)
  }

  var count: Int { codes.count }
  /// The bytes in use.
  var byteCount: Int { codes.byteCount + scales.count * 4 }
  /// Whether the vectors are kept out of swap.
  var isLocked: Bool { codes.isLocked }

  /// Adds the vector of a row, a signed byte a dimension, or puts it in place of the row's earlier one.
  mutating func insert(_ code: UnsafeRawBufferPointer, scale: Float, row: Int64) {
    drop(scaleAt: codes.insert(code, row: row))
    scales.append(scale)
  }

  /// Forgets a row.
  mutating func remove(row: Int64) { drop(scaleAt: codes.remove(row: row)) }

  /// The last one takes the place, as in ``PackedRows``.
  private mutating func drop(scaleAt place: Int?) {
    guard let place else { return }
    scales.swapAt(place, scales.count - 1)
    scales.removeLast()
  }

  /// The `limit` rows nearest to `query`, the nearest first.
  borrowing func nearest(to query: Embedding, limit: Int) -> [ScoredRow] {
    guard query.dimensions == dimensions, codes.count > 0 else { return [] }
    let rows = codes.rows
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
