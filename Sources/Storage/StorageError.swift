/// What can go wrong in `Storage`, each with what a person can do about it.
public enum StorageError: Error, Hashable, CustomStringConvertible {
  /// The key does not fit the file.
  case wrongKey

  public var description: String {
    switch self {
    case .wrongKey: "The database does not open under this key; nothing was changed."
    }
  }
}
