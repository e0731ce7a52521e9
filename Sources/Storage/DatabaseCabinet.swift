import Foundation
public import GRDB
public import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// The databases of agents and plugins, of which there may be any number: each is opened when it is first needed, and closed
/// when nobody used it for a while, or when another one needs its place.
public actor DatabaseCabinet {
  /// The most that are open at once.
  public static let defaultLimit = 32

  private let folders: HostFolders
  private var key: DataKey
  private let limit: Int
  private let gate: AccessGate
  private var drawers: [DatabaseName: Drawer] = [:]
  /// Those that are open besides, to be looked after.
  private var tended: Set<DatabaseName> = []

  private struct Drawer {
    let pool: DatabasePool
    var users = 0
    var lastUsed: ContinuousClock.Instant
  }

  /// - Parameter gate: what holds back those who use a database, while all of them are exchanged.
  public init(
    folders: HostFolders, key: DataKey, limit: Int = defaultLimit, gate: AccessGate = AccessGate()
  ) {
    self.folders = folders
    self.key = key
    self.limit = limit
    self.gate = gate
  }

  /// The databases that are open.
  public var open: Set<DatabaseName> { Set(drawers.keys) }

  /// Runs `body` with a database, which stays open for it and for a while after it.
  /// - Throws: what opening throws, ``StorageError/tooManyOpen(limit:)`` while all places are in use, or what `body` throws.
  public func withDatabase<R: Sendable>(
    _ name: DatabaseName, migrator: DatabaseMigrator, _ body: @Sendable (DatabasePool) async throws -> R
  ) async throws -> R {
    try await gate.pass(.writing) {
      let pool = try take(name, migrator)
      do {
        let result = try await body(pool)
        giveBack(name)
        return result
      } catch {
        giveBack(name)
        throw error
      }
    }
  }

  /// Closes all, and opens those that are needed from then on under another key, while the gate holds everybody back.
  public func exchange(for key: DataKey) {
    closeAll()
    self.key = key
  }

  /// Runs `body` with a database that is there, whatever its schema: to look after it, not to use it. One that is not open
  /// takes no place among those that are, and is closed afterwards.
  /// - Returns: nil where there is no such database.
  /// - Throws: what opening throws, or what `body` throws.
  public func withExisting<R: Sendable>(
    _ name: DatabaseName, _ body: @Sendable (DatabasePool) async throws -> R
  ) async throws -> R? {
    try await gate.pass(.writing) {
      guard name.hasContent(in: folders) else { return nil }
      if let drawer = drawers[name] {
        drawers[name]?.users += 1
        defer { giveBack(name) }
        return try await body(drawer.pool)
      }
      let pool = try EncryptedDatabase.open(name, in: folders, key: key, migrator: nil)
      tended.insert(name)
      defer {
        EncryptedDatabase.close(pool)
        tended.remove(name)
      }
      return try await body(pool)
    }
  }

  /// Closes a database and deletes it for good.
  /// - Returns: whether there was one.
  /// - Throws: ``StorageError/busy(database:)`` while somebody uses it, or ``StorageError/file(_:)``.
  @discardableResult
  public func delete(_ name: DatabaseName) async throws -> Bool {
    try await gate.pass(.writing) { try remove(name) }
  }

  private func remove(_ name: DatabaseName) throws(StorageError) -> Bool {
    guard drawers[name].map({ $0.users == 0 }) ?? true, !tended.contains(name) else {
      throw .busy(database: name.rawValue)
    }
    close(name)
    var wasThere = false
    // The file last: as long as it is there, nothing else begins a new one.
    for file in name.files(in: folders).reversed() {
      do {
        guard try PrivateFile.isThere(file) else { continue }
        try FileManager.default.removeItem(at: file)
        wasThere = true
      } catch {
        throw .file(
          error as? KeyringError ?? .file(path: file.path, reason: error.localizedDescription))
      }
    }
    rmdir(name.file(in: folders).deletingLastPathComponent().path)
    return wasThere
  }

  /// Closes those that nobody used for `age`.
  public func closeIdle(for age: Duration, now: ContinuousClock.Instant = .now) {
    for (name, drawer) in drawers where drawer.users == 0 && now - drawer.lastUsed >= age { close(name) }
  }

  /// Closes all. What still uses one gets errors.
  public func closeAll() {
    for name in drawers.keys { close(name) }
  }

  private func take(_ name: DatabaseName, _ migrator: DatabaseMigrator) throws(StorageError) -> DatabasePool {
    if drawers[name] == nil {
      if drawers.count >= limit {
        guard
          let idle = drawers.filter({ $0.value.users == 0 }).min(by: { $0.value.lastUsed < $1.value.lastUsed }
          )
        else { throw .tooManyOpen(limit: limit) }
        close(idle.key)
      }
      let pool = try EncryptedDatabase.open(name, in: folders, key: key, migrator: migrator)
      drawers[name] = Drawer(pool: pool, lastUsed: .now)
    }
    drawers[name]!.users += 1
    return drawers[name]!.pool
  }

  private func giveBack(_ name: DatabaseName) {
    drawers[name]?.users -= 1
    drawers[name]?.lastUsed = .now
  }

  private func close(_ name: DatabaseName) {
    guard let drawer = drawers.removeValue(forKey: name) else { return }
    EncryptedDatabase.close(drawer.pool)
  }
}
