import CVectors

/// The signs of embeddings, a bit a dimension: an eighth of the memory of ``VectorScan``, and nearly the same
/// neighbours. Its answer is a list of candidates, whose vectors then decide.
struct VectorSketches: ~Copyable, Sendable {
  let dimensions: Int
  private let words: Int
  private var bits: PackedRows

  init(dimensions: Int) {
    self.dimensions = dimensions
    words = (dimensions + 63) / 64
    bits = PackedRows(width: words * 8)
  }

  var count: Int { bits.count }
  /// The bytes in use.
  var byteCount: Int { bits.byteCount }
  /// Whether the sketches are kept out of swap.
  var isLocked: Bool { bits.isLocked }

  /// Adds the sketch of a row's vector, or puts it in place of the row's earlier one.
  mutating func insert(_ code: UnsafeRawBufferPointer, row: Int64) {
    precondition(code.count == dimensions, "a vector of another space")
    let sketch = Self.sketch(of: code.lazy.map(Int8.init(bitPattern:)), words: words)
    sketch.withUnsafeBytes { _ = bits.insert($0, row: row) }
  }

  /// Forgets a row.
  mutating func remove(row: Int64) { bits.remove(row: row) }

  /// The `limit` rows whose signs differ least from those of `query`.
  borrowing func candidates(for query: Embedding, limit: Int) -> [Int64] {
    guard query.dimensions == dimensions, bits.count > 0 else { return [] }
    let sketch = Self.sketch(of: query.code, words: words)
    let rows = bits.rows
    let distances = [Int32](unsafeUninitializedCapacity: rows.count) { distances, filled in
      bits.withUnsafeBytes { bytes in
        vectors_hamming_distances(
          sketch, bytes.baseAddress?.assumingMemoryBound(to: UInt64.self), rows.count, words,
          distances.baseAddress)
      }
      filled = rows.count
    }
    var best = BestRows(limit: limit)
    for index in rows.indices { best.offer(rows[index], Float(-distances[index])) }
    return best.sorted().map(\.row)
  }

  private static func sketch(of code: some Collection<Int8>, words: Int) -> [UInt64] {
    var sketch = [UInt64](repeating: 0, count: words)
    for (index, value) in code.enumerated() where value > 0 { sketch[index / 64] |= 1 << (index % 64) }
    return sketch
  }
}
