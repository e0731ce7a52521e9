/// What can go wrong in `Stores`, each with what a person can do about it.
public enum StoresError: Error, Hashable, CustomStringConvertible {
  /// No row has that identifier.
  case notFound

  public var description: String {
    switch self {
    case .notFound: "There is no such record."
    }
  }
}
