/// What can go wrong in `Host`, each with what a person can do about it.
public enum HostError: Error, Hashable, CustomStringConvertible {
  /// No host was made in this folder.
  case notInitialised

  public var description: String {
    switch self {
    case .notInitialised: "There is no identity here yet; run 'osaurus-host init'."
    }
  }
}
