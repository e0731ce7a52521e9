import GRDB
import Storage

/// The vectors of every scope of one database, held in memory as far as they are asked for and a bound allows.
///
/// A scope is brought up to date from the database before each search, so that what was added since is found; what is
/// forgotten leaves at once. The scopes that were searched least recently make room.
public actor VectorLibrary {
  /// How many bytes of vectors are held where nothing else is said.
  public static let defaultBound = 256 * 1024 * 1024
  /// How many vectors of a scope are looked at one by one. Beyond it their signs choose ``candidates`` of them.
  static let mostScanned = 250_000
  /// How many rows the signs choose for each one that is asked for, at least 1,000 in all.
  static let candidates = 50

  private let pool: StoreDatabase
  private let bound: Int
  private let mostScanned: Int
  private var shelves: [VectorShelf.Place: VectorShelf] = [:]
  private var clock = 0

  /// - Parameters:
  ///   - pool: a database with the tables of a ``VectorTable``.
  ///   - bound: how many bytes of vectors may be held.
  init(_ pool: StoreDatabase, bound: Int, mostScanned: Int = VectorLibrary.mostScanned) {
    self.pool = pool
    self.bound = bound
    self.mostScanned = mostScanned
  }

  /// What is held.
  public struct Holding: Hashable, Codable, Sendable {
    public var vectors = 0
    public var bytes = 0
    /// Whether the system keeps all of it out of swap.
    public var isLocked = true
  }

  /// What is held now.
  public var holding: Holding {
    shelves.values.reduce(into: Holding()) { sum, shelf in
      sum.vectors += shelf.count
      sum.bytes += shelf.byteCount
      sum.isLocked = sum.isLocked && shelf.isLocked
    }
  }

  /// The `limit` rows of some scopes whose vectors are nearest to `query`, the nearest first.
  func nearest(to query: Embedding, in scopes: [String], limit: Int) async throws -> [ScoredRow] {
    try await pool.staying(.reading) { try nearest(to: query, in: scopes, limit: limit, $0) }
  }

  private func nearest(
    to query: Embedding, in scopes: [String], limit: Int, _ pool: DatabasePool
  ) throws -> [ScoredRow] {
    guard let model = try VectorShelf.model(of: query, in: pool) else { return [] }
    var best = BestRows(limit: limit)
    for scope in scopes {
      let shelf = try shelf(VectorShelf.Place(scope: scope, model: model), query.dimensions, pool)
      for hit in try shelf.nearest(to: query, limit: limit, in: pool) { best.offer(hit.row, hit.score) }
      makeRoom(besides: shelf)
    }
    return best.sorted()
  }

  /// Lets go of rows that are gone from the database.
  func forget(_ rows: [Int64]) {
    for shelf in shelves.values {
      for row in rows { shelf.remove(row) }
    }
  }

  private func shelf(
    _ place: VectorShelf.Place, _ dimensions: Int, _ pool: DatabasePool
  ) throws -> VectorShelf {
    let shelf: VectorShelf
    if let known = shelves[place] {
      shelf = known
    } else {
      let count = try VectorShelf.countInDatabase(place, pool)
      shelf = VectorShelf(place, dimensions: dimensions, asSketches: count > mostScanned)
    }
    try shelf.update(from: pool)
    clock += 1
    shelf.lastUse = clock
    // One that has outgrown a scan is read again as sketches, the next time.
    shelves[place] = shelf.isScanned && shelf.count > mostScanned ? nil : shelf
    return shelf
  }

  private func makeRoom(besides latest: VectorShelf) {
    while holding.bytes > bound,
      let oldest = shelves.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
    {
      shelves[oldest] = nil
      if oldest == latest.place { return }
    }
  }
}
