import SecretMemory

/// What is known of each row, in as many bytes for one as for another, side by side in memory.
struct PackedRows: ~Copyable, Sendable {
  /// The bytes of one row.
  let width: Int
  /// The rows, in the order in which their bytes lie.
  private(set) var rows: [Int64] = []
  private var bytes = LockedPages()
  private var places: [Int64: Int] = [:]

  init(width: Int) { self.width = width }

  var count: Int { rows.count }
  /// The bytes in use, with about 40 a row for finding it.
  var byteCount: Int { bytes.count + rows.count * 40 }
  /// Whether they are kept out of swap.
  var isLocked: Bool { bytes.isLocked }

  /// Adds a row at the end, or puts it there in place of its earlier bytes.
  /// - Returns: the place that the row left, if it had one.
  mutating func insert(_ content: UnsafeRawBufferPointer, row: Int64) -> Int? {
    precondition(content.count == width, "a vector of another space")
    let left = remove(row: row)
    bytes.append(width) { $0.copyMemory(from: content) }
    places[row] = rows.count
    rows.append(row)
    return left
  }

  /// Forgets a row; the last one takes its place.
  /// - Returns: that place, if there was such a row.
  @discardableResult
  mutating func remove(row: Int64) -> Int? {
    guard let place = places.removeValue(forKey: row) else { return nil }
    let last = rows.count - 1
    if place != last {
      let width = width
      bytes.withUnsafeMutableBytes { bytes in
        for index in 0..<width { bytes[place * width + index] = bytes[last * width + index] }
      }
      rows[place] = rows[last]
      places[rows[place]] = place
    }
    rows.removeLast()
    bytes.removeLast(width)
    return place
  }

  /// Lends the bytes of all rows to `body`.
  borrowing func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
    bytes.withUnsafeBytes(body)
  }
}
