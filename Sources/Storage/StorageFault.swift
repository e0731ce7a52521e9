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
  ///
  /// A first page that was changed and a wrong key look alike to SQLCipher. All databases of a host hang on one data key, so
  /// where it opens another one, it is the file that is wrong.
  /// - Parameter keyIsProven: whether the data key opened something else of this host.
  public func fault(keyIsProven: Bool) -> StorageFault {
    switch self {
    case .busy: .locked
    case .damaged, .fileMissing: .corrupt
    case .wrongKey: keyIsProven ? .corrupt : .wrongKey
    case .newerSchema, .migration: .migration
    default: .unknown
    }
  }
}
