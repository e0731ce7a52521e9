/// What is wrong with a database that does not open, in one word.
public enum StorageFault: String, Codable, Sendable {
  /// Another process holds it.
  case locked
  /// Its bytes are not what was written.
  case corrupt
  /// It could not be brought to the schema of this version, or is of a newer one.
  case migration
  /// It was written under another data key.
  case wrongKey
  /// Something else, which the reason tells.
  case unknown
}

extension StorageError {
  /// What kind of fault this is.
  public var fault: StorageFault {
    switch self {
    case .busy: .locked
    case .damaged, .fileMissing: .corrupt
    case .wrongKey: .wrongKey
    case .newerSchema, .migration: .migration
    default: .unknown
    }
  }

  /// The same, where the data key has opened another database of this host.
  ///
  /// A first page that was changed and a wrong key look alike to SQLCipher. All databases of a host hang on one data key, so
  /// where it opens another one, it is the file that is wrong.
  public var withProvenKey: StorageError {
    guard case .wrongKey(let database) = self else { return self }
    return .damaged(database: database, reason: "it does not open under the key that opens the others")
  }
}
