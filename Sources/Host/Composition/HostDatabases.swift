import GRDB
import Keyring
import Storage
import Stores

/// The databases of a host, each under a key of its own.
struct HostDatabases: Sendable {
  let host: DatabasePool
  let chatHistory: DatabasePool
  let memory: DatabasePool

  /// Opens them, and makes what is not there yet.
  static func open(in folders: HostFolders, key: DataKey) throws(StorageError) -> HostDatabases {
    let host = try EncryptedDatabase.open(.host, in: folders, key: key, migrator: HostSchema.migrator)
    let chatHistory = try EncryptedDatabase.open(
      .chatHistory, in: folders, key: key, migrator: ChatSchema.migrator)
    let memory = try EncryptedDatabase.open(
      .memory, in: folders, key: key, migrator: MemorySchema.migrator)
    return HostDatabases(host: host, chatHistory: chatHistory, memory: memory)
  }

  /// The databases that every host of this version has.
  static let kept: [DatabaseName] = [.host, .chatHistory, .memory]

  /// What brings a database to the schema of this version; nil where the schema is its user's.
  static func migrator(of name: DatabaseName) -> DatabaseMigrator? {
    switch name {
    case .host: HostSchema.migrator
    case .chatHistory: ChatSchema.migrator
    case .memory: MemorySchema.migrator
    case .methods, .toolIndex, .agent, .plugin: nil
    }
  }

  /// How each database is: those that this version keeps, and whatever else there is.
  /// - Throws: ``StorageError`` for the first that does not open.
  static func check(
    in folders: HostFolders, key: DataKey
  ) throws(StorageError) -> [DatabaseName: EncryptedDatabase.Condition] {
    var found: [DatabaseName: EncryptedDatabase.Condition] = [:]
    for name in kept + (try DatabaseName.existing(in: folders)) where found[name] == nil {
      found[name] = try EncryptedDatabase.check(name, in: folders, key: key, migrator: migrator(of: name))
    }
    return found
  }

  /// Writes what is left in the logs into the databases and closes them.
  func close() {
    for pool in [host, chatHistory, memory] { EncryptedDatabase.close(pool) }
  }
}
