import CSQLCipher
import Foundation
public import GRDB
public import Keyring
import SecretMemory

/// Opens SQLCipher databases: the one place that knows how.
public enum EncryptedDatabase {
  /// Opens a database under its own key, making it where there is none, and brings it to the schema of `migrator`.
  /// Processes that do so at the same time take turns.
  /// - Throws: ``StorageError``. A file that does not open is left as it is.
  public static func open(
    _ name: DatabaseName, in folders: HostFolders, key: DataKey, migrator: DatabaseMigrator
  ) throws(StorageError) -> DatabasePool {
    let file = name.file(in: folders)
    let lock: FileLock
    do {
      try PrivateFile.makeFolder(file.deletingLastPathComponent())
      lock = try FileLock(waitingFor: folders.databaseLock)
      // SQLite gives -wal and -shm the mode of the file itself.
      try PrivateFile.createIfMissing(file)
    } catch {
      throw .file(error)
    }
    defer { withExtendedLifetime(lock) {} }
    return try translated(name) {
      _ = try probe(file, name, key, migrator)
      let pool = try DatabasePool(path: file.path, configuration: configuration(name, key))
      // Turning the log on, GRDB chose NORMAL.
      try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = \(name.durability)") }
      try migrator.migrate(pool)
      return pool
    }
  }

  /// What ``check(_:in:key:migrator:)`` finds.
  public enum Condition: Hashable, Sendable {
    /// There is none yet.
    case missing
    /// It opens under its key, and the next start has to bring it to the schema of this version.
    case outdated
    /// It opens under its key.
    case current
  }

  /// Looks at a database through a connection that cannot write: nothing is made, migrated or moved from the log
  /// into the file. Other processes may use it meanwhile. (SQLite itself may leave an empty log and its index beside a
  /// database that nobody has open.)
  /// - Throws: ``StorageError``, as ``open(_:in:key:migrator:)`` would.
  public static func check(
    _ name: DatabaseName, in folders: HostFolders, key: DataKey, migrator: DatabaseMigrator
  ) throws(StorageError) -> Condition {
    let file = name.file(in: folders)
    do {
      guard try PrivateFile.isThere(file) else { return .missing }
    } catch {
      throw .file(error)
    }
    return try translated(name) { try probe(file, name, key, migrator) }
  }

  /// Runs `body`, whose errors become this target's.
  private static func translated<R>(
    _ name: DatabaseName, _ body: () throws -> R
  ) throws(StorageError) -> R {
    do {
      return try body()
    } catch let error as StorageError {
      throw error
    } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
      throw .wrongKey(database: name.rawValue)
    } catch {
      throw .database(name: name.rawValue, reason: reason(error))
    }
  }

  /// Reads a file that is there through a connection that cannot write: closing one that can would write what is left
  /// in the log into the file, even under a wrong key.
  private static func probe(
    _ file: URL, _ name: DatabaseName, _ key: DataKey, _ migrator: DatabaseMigrator
  ) throws -> Condition {
    let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0
    guard size > 0 else { return .missing }
    var reading = configuration(name, key)
    reading.readonly = true
    let queue = try DatabaseQueue(path: file.path, configuration: reading)
    let (isNewer, isCurrent) = try queue.read {
      (try migrator.hasBeenSuperseded($0), try migrator.hasCompletedMigrations($0))
    }
    guard !isNewer else { throw StorageError.newerSchema(database: name.rawValue) }
    try queue.close()
    return isCurrent ? .current : .outdated
  }

  private static func configuration(_ name: DatabaseName, _ key: DataKey) -> Configuration {
    var configuration = Configuration()
    configuration.label = name.rawValue
    configuration.busyMode = .timeout(5)
    configuration.foreignKeysEnabled = true
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { database in
      try unlock(database, under: key.databaseKey(for: name))
      // Some systems build SQLCipher to put temporary tables into files, where they would be plain.
      try database.execute(sql: "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON")
      _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master")
    }
    return configuration
  }

  /// Hands SQLCipher the raw key, `x'` and 64 digits and `'`, so that it stretches nothing.
  private static func unlock(_ database: Database, under key: consuming SecretBytes) throws {
    let literal = literal(of: key)
    // SQLCipher would print a wrong key's failed checks to standard error; they are thrown, too.
    try database.execute(sql: "PRAGMA cipher_log_level = NONE")
    let connection = UnsafeMutableRawPointer(database.sqliteConnection)
    let status = literal.withUnsafeBytes {
      sqlite3_key_v2(connection, "main", $0.baseAddress, Int32($0.count))
    }
    guard status == 0 else { throw StorageError.notEncrypting }
    guard let version = try String.fetchOne(database, sql: "PRAGMA cipher_version"), !version.isEmpty else {
      throw StorageError.notEncrypting
    }
  }

  /// `x'` and two digits for every byte and `'`, made in guarded memory: it opens the database as the key does.
  static func literal(of key: borrowing SecretBytes) -> SecretBytes {
    key.withUnsafeBytes { bytes in
      SecretBytes(count: 2 * bytes.count + 3) { text in
        func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 48 + nibble : 87 + nibble }
        text[0] = UInt8(ascii: "x")
        text[1] = UInt8(ascii: "'")
        for (index, byte) in bytes.enumerated() {
          text[2 * index + 2] = digit(byte >> 4)
          text[2 * index + 3] = digit(byte & 15)
        }
        text[text.count - 1] = UInt8(ascii: "'")
      }
    }
  }

  private static func reason(_ error: any Error) -> String {
    (error as? DatabaseError)?.message ?? String(describing: error)
  }

  /// The version of SQLCipher that is loaded, such as "4.6.1 community"; nil when SQLite does not encrypt.
  public static func cipherVersion() -> String? {
    let queue = try? DatabaseQueue()
    return try? queue?.read { try String.fetchOne($0, sql: "PRAGMA cipher_version") }
  }
}
