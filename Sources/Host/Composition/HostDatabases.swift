import GRDB
import Keyring
import Storage
import Stores

/// The databases of a host, each under a key of its own.
struct HostDatabases: Sendable {
  let host: DatabasePool
  let chatHistory: DatabasePool

  /// Opens them, and makes what is not there yet.
  static func open(in folders: HostFolders, key: DataKey) throws(StorageError) -> HostDatabases {
    func open(_ name: DatabaseName) throws(StorageError) -> DatabasePool {
      try EncryptedDatabase.open(name, in: folders, key: key, migrator: migrator(of: name))
    }
    return HostDatabases(host: try open(.host), chatHistory: try open(.chatHistory))
  }

  /// What brings a database to the schema of this version.
  static func migrator(of name: DatabaseName) -> DatabaseMigrator {
    switch name {
    case .host: HostSchema.migrator
    case .chatHistory: ChatSchema.migrator
    }
  }

  /// Writes what is left in the logs into the databases and closes them.
  func close() {
    for pool in [host, chatHistory] {
      _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      try? pool.close()
    }
  }
}
