import CSQLCipher
import Foundation
public import GRDB
public import Keyring
import SecretMemory

/// Opens SQLCipher databases: the one place that knows how.
public enum EncryptedDatabase {
  /// Opens a database under its own key, making it where there is none, and brings it to the schema of `migrator`.
  /// - Throws: ``StorageError``. A file that does not open is left as it is.
  public static func open(
    _ name: DatabaseName, in folders: HostFolders, key: DataKey, migrator: DatabaseMigrator
  ) throws(StorageError) -> DatabasePool {
    let file = name.file(in: folders)
    do {
      try PrivateFile.makeFolder(file.deletingLastPathComponent())
      // SQLite gives -wal and -shm the mode of the file itself.
      try PrivateFile.createIfMissing(file)
    } catch {
      throw .file(error)
    }
    do {
      try probe(file, name, key, migrator)
      let pool = try DatabasePool(path: file.path, configuration: configuration(name, key))
      // Turning the log on, GRDB chose NORMAL.
      try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = \(name.durability)") }
      try migrator.migrate(pool)
      return pool
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
  ) throws {
    let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0
    guard size > 0 else { return }
    var reading = configuration(name, key)
    reading.readonly = true
    let queue = try DatabaseQueue(path: file.path, configuration: reading)
    guard try !queue.read({ try migrator.hasBeenSuperseded($0) }) else {
      throw StorageError.newerSchema(database: name.rawValue)
    }
    try queue.close()
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
    var literal = Array("x'".utf8)
    key.withUnsafeBytes { bytes in
      for byte in bytes {
        for nibble in [byte >> 4, byte & 15] { literal.append(nibble < 10 ? 48 + nibble : 87 + nibble) }
      }
    }
    literal.append(UInt8(ascii: "'"))
    defer { wipe(&literal) }
    // SQLCipher would print a wrong key's failed checks to standard error; they are thrown, too.
    try database.execute(sql: "PRAGMA cipher_log_level = NONE")
    let connection = UnsafeMutableRawPointer(database.sqliteConnection)
    guard sqlite3_key_v2(connection, "main", literal, Int32(literal.count)) == 0 else {
      throw StorageError.notEncrypting
    }
    guard let version = try String.fetchOne(database, sql: "PRAGMA cipher_version"), !version.isEmpty else {
      throw StorageError.notEncrypting
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
