public import Keyring

/// Why what is stored could not be opened, each with what a person can do about it. Whatever the reason, nothing that
/// was there was changed.
public enum StorageError: Error, Hashable, Sendable {
  /// The data key is not the one that the database was written with, or the file is no database.
  case wrongKey(database: String)
  /// Databases are here, but the key store has no data key.
  case keyMissingForExistingData
  /// The bytes are not a 32-byte key.
  case malformedKey
  /// A newer version of osaurus-host wrote the database.
  case newerSchema(database: String)
  /// The SQLite that was loaded does not encrypt.
  case notEncrypting
  /// A file or folder is not as it should be.
  case file(KeyringError)
  /// The database refused.
  case database(name: String, reason: String)
}

extension StorageError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .wrongKey(let database):
      "\(database) does not open under this host's data key. It was left as it is. If the key store was replaced, bring the old one back."
    case .keyMissingForExistingData:
      "There is stored data here, but its key is missing from the key store. No new key was made. Bring the key store back (log in to the desktop, or restore keys.json)."
    case .malformedKey: "What the key store holds as the data key is not a key."
    case .newerSchema(let database):
      "\(database) was written by a newer version of osaurus-host. Update this one; nothing was changed."
    case .notEncrypting:
      "The SQLite library that was loaded does not encrypt. Install libsqlcipher 4.5 or newer (scripts/setup does)."
    case .file(let error): error.description
    case .database(let name, let reason): "\(name): \(reason)."
    }
  }
}
