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
    HostDatabases(
      host: try EncryptedDatabase.open(.host, in: folders, key: key, migrator: HostSchema.migrator),
      chatHistory: try EncryptedDatabase.open(
        .chatHistory, in: folders, key: key, migrator: ChatSchema.migrator))
  }

  /// Writes what is left in the logs into the databases and closes them.
  func close() {
    for pool in [host, chatHistory] {
      _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      try? pool.close()
    }
  }
}
