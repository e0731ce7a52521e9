public import GRDB
public import Storage

/// A database that a store keeps its rows in, or why there is none to keep them in.
public struct StoreDatabase: Sendable {
  private let database: Result<DatabasePool, StorageError>

  public init(_ pool: DatabasePool) { database = .success(pool) }

  /// - Parameter database: the database, or why it cannot be had, which every call then throws.
  public init(_ database: Result<DatabasePool, StorageError>) { self.database = database }

  /// Makes sure that it can be had.
  /// - Throws: ``StoresError/unavailable(reason:)``.
  public func check() throws(StoresError) { _ = try pool }

  private var pool: DatabasePool {
    get throws(StoresError) {
      switch database {
      case .success(let pool): return pool
      case .failure(let error): throw .unavailable(reason: error.description)
      }
    }
  }

  /// Reads in one view of the database. What any page of it was changed for is not given.
  /// - Throws: ``StoresError/unavailable(reason:)``, or what `body` throws.
  public func read<R: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> R
  ) async throws -> R {
    try await pool.read { try Self.proven($0, body) }
  }

  /// Reads in one view of the database, and keeps the thread meanwhile.
  /// - Throws: ``StoresError/unavailable(reason:)``, or what `body` throws.
  func read<R>(_ body: (Database) throws -> R) throws -> R { try pool.read { try Self.proven($0, body) } }

  /// Changes the database, as a whole or not at all. One does so at a time, in all processes.
  /// - Throws: ``StoresError/unavailable(reason:)``, or what `body` throws.
  public func write<R: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> R
  ) async throws -> R {
    try await pool.write { try Self.proven($0, body) }
  }

  private static func proven<R>(_ database: Database, _ body: (Database) throws -> R) throws -> R {
    let result = try body(database)
    try database.confirmPages()
    return result
  }
}
