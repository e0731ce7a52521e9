public import GRDB
public import Storage
import Synchronization

/// The one handle that stores have on a database, or why there is none to keep their rows in. Beneath it the database may be
/// exchanged for another one with the same content: those who use it wait for that outside a gate.
public final class StoreDatabase: Sendable {
  private let current: Mutex<Result<DatabasePool, StorageError>>
  private let gate: AccessGate

  /// - Parameter gate: what holds back those who use it; one gate serves all databases that are exchanged together.
  public convenience init(_ pool: DatabasePool, gate: AccessGate = AccessGate()) {
    self.init(.success(pool), gate: gate)
  }

  /// - Parameter database: the database, or why it cannot be had, which every call then throws.
  public init(_ database: Result<DatabasePool, StorageError>, gate: AccessGate = AccessGate()) {
    current = Mutex(database)
    self.gate = gate
  }

  /// Makes sure that it can be had.
  /// - Throws: ``StoresError/unavailable(reason:)``.
  public func check() throws(StoresError) { _ = try pool }

  /// The database as of now. Whoever keeps it beyond ``staying(_:_:)`` may find it closed.
  /// - Throws: ``StoresError/unavailable(reason:)``.
  public var pool: DatabasePool {
    get throws(StoresError) {
      switch result {
      case .success(let pool): return pool
      case .failure(let error): throw .unavailable(reason: error.description)
      }
    }
  }

  /// The database as of now, or why there is none.
  public var result: Result<DatabasePool, StorageError> { current.withLock { $0 } }

  /// Puts another database in its place, while the gate holds everybody back.
  /// - Returns: what was there.
  @discardableResult
  public func exchange(
    for database: Result<DatabasePool, StorageError>
  ) -> Result<DatabasePool, StorageError> {
    current.withLock { current in
      defer { current = database }
      return current
    }
  }

  /// Reads in one view of the database. What any page of it was changed for is not given.
  /// - Throws: ``StoresError/unavailable(reason:)``, or what `body` throws.
  public func read<R: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> R
  ) async throws -> R {
    try await staying(.reading) { try await $0.provenRead(body) }
  }

  /// Changes the database, as a whole or not at all. One does so at a time, in all processes.
  /// - Throws: ``StoresError/unavailable(reason:)``, or what `body` throws.
  public func write<R: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> R
  ) async throws -> R {
    try await staying(.writing) { try await $0.provenWrite(body) }
  }

  /// Changes the database in transactions of `body`'s own.
  /// - Throws: ``StoresError/unavailable(reason:)``, or what `body` throws.
  public func writeWithoutTransaction<R: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> R
  ) async throws -> R {
    try await staying(.writing) {
      try await $0.writeWithoutTransaction { try StoreDatabase.proven($0, body) }
    }
  }

  /// Runs `body` with the database, which is not exchanged until it ends.
  /// - Throws: ``StoresError/unavailable(reason:)``, or what `body` throws.
  public func staying<R>(
    _ access: AccessGate.Access, isolation: isolated (any Actor)? = #isolation,
    _ body: (DatabasePool) async throws -> R
  ) async throws -> R {
    try await gate.pass(access) { try await body(try pool) }
  }

  fileprivate static func proven<R>(_ database: Database, _ body: (Database) throws -> R) throws -> R {
    let result = try body(database)
    try database.confirmPages()
    return result
  }
}

extension DatabasePool {
  /// Reads in one view of the database. What any page of it was changed for is not given.
  func provenRead<R: Sendable>(_ body: @escaping @Sendable (Database) throws -> R) async throws -> R {
    try await read { try StoreDatabase.proven($0, body) }
  }

  /// The same, keeping the thread meanwhile.
  func provenReadNow<R>(_ body: (Database) throws -> R) throws -> R {
    try read { try StoreDatabase.proven($0, body) }
  }

  /// Changes the database, as a whole or not at all.
  func provenWrite<R: Sendable>(_ body: @escaping @Sendable (Database) throws -> R) async throws -> R {
    try await write { try StoreDatabase.proven($0, body) }
  }
}
