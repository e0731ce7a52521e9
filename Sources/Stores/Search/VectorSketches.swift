import CVectors
import SecretMemory

/// The signs of embeddings, a bit a dimension: an eighth of the memory of ``VectorScan``, and nearly the same
/// neighbours. Its answer is a list of candidates, whose vectors then decide.
struct VectorSketches: ~Copyable, Sendable {
  let dimensions: Int
  private let words: Int
  private var bits = LockedPages()
  private var rows: [Int64] = []
  private var places: [Int64: Int] = [:]

  init(dimensions: Int) {
    self.dimensions = dimensions
    words = (dimensions + 63) / 64
  }

  var count: Int { rows.count }
  /// The bytes in use.
  var byteCount: Int { bits.count + rows.count * 40 }
  /// Whether the sketches are kept out of swap.
  var isLocked: Bool { bits.isLocked }

  /// Adds the sketch of a row's vector, or puts it in place of the row's earlier one.
  mutating func insert(_ code: UnsafeRawBufferPointer, row: Int64) {
    precondition(code.count == dimensions, "a vector of another space")
    remove(row: row)
    let sketch = Self.sketch(of: code.lazy.map(Int8.init(bitPattern:)), words: words)
    sketch.withUnsafeBytes { sketch in bits.append(sketch.count) { $0.copyMemory(from: sketch) } }
    places[row] = rows.count
    rows.append(row)
  }

  /// Forgets a row; the last sketch takes its place.
  mutating func remove(row: Int64) {
    guard let place = places.removeValue(forKey: row) else { return }
    let last = rows.count - 1
    let size = words * 8
    if place != last {
      bits.withUnsafeMutableBytes { bytes in
        for index in 0..<size { bytes[place * size + index] = bytes[last * size + index] }
      }
      rows[place] = rows[last]
      places[rows[place]] = place
    }
    rows.removeLast()
    bits.removeLast(size)
  }

  /// The `limit` rows whose signs differ least from those of `query`.
  borrowing func candidates(for query: Embedding, limit: Int) -> [Int64] {
    guard query.dimensions == dimensions, !rows.isEmpty else { return [] }
    let sketch = Self.sketch(of: query.code, words: words)
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
