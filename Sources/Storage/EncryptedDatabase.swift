import CFullText
import CSQLCipher
import Foundation
public import GRDB
public import Keyring
import SecretMemory

/// Opens SQLCipher databases: the one place that knows how.
public enum EncryptedDatabase {
  /// Opens a database under its own key, making it where there is none, and brings it to the schema of `migrator`.
  /// Processes that do so at the same time take turns.
  ///
  /// - Parameter migrator: nil for a database whose schema is not the caller's to know: it has to be there, and keeps it.
  /// - Throws: ``StorageError``. A file that does not open is left as it is.
  public static func open(
    _ name: DatabaseName, in folders: HostFolders, key: DataKey, migrator: DatabaseMigrator?
  ) throws(StorageError) -> DatabasePool {
    let file = name.file(in: folders)
    let lock: FileLock
    do {
      try PrivateFile.makeFolder(file.deletingLastPathComponent())
      lock = try FileLock(waitingFor: folders.databaseLock)
    } catch {
      throw .file(error)
    }
    // An empty file would be given the name of what is lost, and its log be thrown away.
    guard name.hasContent(in: folders) || !name.hasLog(in: folders) else {
      throw .fileMissing(database: name.rawValue, left: "its log, \(name.rawValue)-wal,")
    }
    guard migrator != nil || name.hasContent(in: folders) else {
      throw .database(name: name.rawValue, reason: "it is not there")
    }
    do {
      // SQLite gives -wal and -shm the mode of the file itself.
      try PrivateFile.createIfMissing(file)
    } catch {
      throw .file(error)
    }
    defer { withExtendedLifetime(lock) {} }
    let (pool, condition) = try translated(name, in: folders) {
      let condition = try probe(name, folders, key, migrator)
      let pool = try DatabasePool(
        path: file.path, configuration: configuration(name, key, isNew: condition == .missing))
      // Turning the log on, GRDB chose NORMAL.
      try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = \(name.durability)") }
      return (pool, condition)
    }
    // Nobody else changes the schema while this process has the lock.
    guard condition != .current else { return pool }
    try translated(name, in: folders) {
      do {
        try migrator?.migrate(pool)
      } catch let error as DatabaseError where !error.isAboutFile {
        try? pool.close()
        throw StorageError.migration(database: name.rawValue, reason: reason(error))
      }
    }
    return pool
  }

  /// Writes what is left in the log into the database, and closes it.
  public static func close(_ pool: DatabasePool) {
    _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    try? pool.close()
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
  ///
  /// - Parameter migrator: nil for a database whose schema is not this version's to know, of which only the key is tried.
  /// - Throws: ``StorageError``, as ``open(_:in:key:migrator:)`` would.
  public static func check(
    _ name: DatabaseName, in folders: HostFolders, key: DataKey, migrator: DatabaseMigrator?
  ) throws(StorageError) -> Condition {
    let file = name.file(in: folders)
    do {
      let isThere = try PrivateFile.isThere(file)
      guard name.hasContent(in: folders) || !name.hasLog(in: folders) else {
        throw StorageError.fileMissing(database: name.rawValue, left: "its log, \(name.rawValue)-wal,")
      }
      guard isThere else { return .missing }
    } catch let error as StorageError {
      throw error
    } catch {
      throw .file(error as? KeyringError ?? .file(path: file.path, reason: String(describing: error)))
    }
    return try translated(name, in: folders) { try probe(name, folders, key, migrator) }
  }

  /// Runs `body`, whose errors become this target's; a cancellation and what is no error of a database stay what they are.
  static func translating<R>(
    _ name: DatabaseName, in folders: HostFolders, _ body: () throws -> R
  ) throws -> R {
    var other: (any Error)?
    do {
      return try translated(name, in: folders) {
        do {
          return try body()
        } catch {
          if !(error is DatabaseError) { other = error }
          throw error
        }
      }
    } catch {
      throw other ?? error
    }
  }

  /// Runs `body`, whose errors become this target's.
  private static func translated<R>(
    _ name: DatabaseName, in folders: HostFolders, _ body: () throws -> R
  ) throws(StorageError) -> R {
    do {
      return try body()
    } catch let error as StorageError {
      throw error
    } catch let error as DatabaseError {
      throw fault(error, of: name, in: folders)
    } catch {
      throw .database(name: name.rawValue, reason: reason(error))
    }
  }

  /// What an error says of the disk. SQLite tells a disk that is full only where it writes into the database itself, so for what it
  /// needs beside it, the disk is asked.
  private static func refusal(
    _ error: DatabaseError, _ name: DatabaseName, in folders: HostFolders
  ) -> DiskRefusal? {
    if let refusal = DiskRefusal(error) { return refusal }
    guard [.SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_READONLY].contains(error.resultCode) else { return nil }
    return DiskRefusal(at: name.file(in: folders).deletingLastPathComponent().path, roomFor: indexSize)
  }

  /// What the index of a log takes at least.
  private static let indexSize: UInt64 = 32_768

  /// What an error of SQLite says of a database.
  static func fault(
    _ error: DatabaseError, of name: DatabaseName, in folders: HostFolders
  ) -> StorageError {
    switch error.resultCode {
    case .SQLITE_NOTADB: .wrongKey(database: name.rawValue)
    case .SQLITE_BUSY, .SQLITE_LOCKED: .busy(database: name.rawValue)
    case .SQLITE_CORRUPT: .damaged(database: name.rawValue, reason: reason(error))
    default:
      refusal(error, name, in: folders).map { .disk(database: name.rawValue, $0) }
        ?? .database(name: name.rawValue, reason: reason(error))
    }
  }

  /// Reads a file that is there through a connection that cannot write: closing one that can would write what is left
  /// in the log into the file, even under a wrong key.
  private static func probe(
    _ name: DatabaseName, _ folders: HostFolders, _ key: DataKey, _ migrator: DatabaseMigrator?
  ) throws -> Condition {
    // A database writes into a journal once, when it is made: after that it has a log. A journal that is left is of a process that
    // ended in between; the next connection that can write takes back what it had begun. One that cannot would fail.
    let journal = URL(filePath: name.file(in: folders).path + "-journal")
    guard name.hasContent(in: folders), DatabaseName.size(of: journal) == 0 else { return .missing }
    let queue = try readingQueue(name.file(in: folders), name, key)
    let (isNewer, isCurrent) = try queue.read {
      (try migrator?.hasBeenSuperseded($0) ?? false, try migrator?.hasCompletedMigrations($0) ?? true)
    }
    guard !isNewer else { throw StorageError.newerSchema(database: name.rawValue) }
    try queue.close()
    return isCurrent ? .current : .outdated
  }

  /// Runs `body` on a connection that cannot write, in one view of a database that is there. What `body` gives is to be believed once
  /// it confirmed the pages.
  /// - Throws: ``StorageError``, as ``open(_:in:key:migrator:)`` would.
  public static func read<R>(
    _ name: DatabaseName, in folders: HostFolders, key: DataKey, _ body: (Database) throws -> R
  ) throws(StorageError) -> R {
    try translated(name, in: folders) {
      let queue = try readingQueue(name.file(in: folders), name, key)
      let result = try queue.read(body)
      try queue.close()
      return result
    }
  }

  static func readingQueue(_ file: URL, _ name: DatabaseName, _ key: DataKey) throws -> DatabaseQueue {
    var reading = configuration(name, key)
    reading.readonly = true
    return try DatabaseQueue(path: file.path, configuration: reading)
  }

  static func configuration(
    _ name: DatabaseName, _ key: DataKey, isNew: Bool = false
  ) -> Configuration {
    var configuration = Configuration()
    configuration.label = name.rawValue
    configuration.busyMode = .timeout(5)
    configuration.foreignKeysEnabled = true
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { database in
      try unlock(database, under: key.databaseKey(for: name))
      // Some systems build SQLCipher to put temporary tables into files, where they would be plain. A page that is not in
      // memory has to be decrypted and proven, which takes longer than reading it: up to 16 MiB of them are kept.
      try database.execute(
        sql: "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA cache_size = -16384")
      // Free pages can be given back bit by bit, where it is said before the first page is written.
      if isNew, !database.configuration.readonly {
        try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
      }
      _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master")
      guard full_text_register(UnsafeMutableRawPointer(database.sqliteConnection)) == 0 else {
        throw StorageError.noFullText
      }
    }
    return configuration
  }

  /// What proves a page. Processors compute it three times as fast as SHA-512, SQLCipher's own choice.
  static let hmacAlgorithm = "HMAC_SHA256"

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
    try database.execute(sql: "PRAGMA cipher_hmac_algorithm = \(hmacAlgorithm)")
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

extension DatabaseError {
  /// Whether it tells of the file, not of what was asked of it.
  fileprivate var isAboutFile: Bool {
    [
      .SQLITE_NOTADB, .SQLITE_CORRUPT, .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR,
      .SQLITE_CANTOPEN,
      .SQLITE_READONLY,
    ].contains(resultCode)
  }
}
