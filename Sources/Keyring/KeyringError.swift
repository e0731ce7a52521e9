/// What can go wrong in `Keyring`, each with what a person can do about it.
public enum KeyringError: Error, Hashable, CustomStringConvertible {
  /// No Secret Service is reachable.
  case unavailable

  public var description: String {
    switch self {
    case .unavailable: "No keyring answers on the session bus."
    }
  }
}
