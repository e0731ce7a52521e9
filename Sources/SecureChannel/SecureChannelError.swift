/// What can go wrong in `SecureChannel`, each with what a person can do about it.
public enum SecureChannelError: Error, Hashable, CustomStringConvertible {
  /// A call with this sequence number was seen before.
  case replayed

  public var description: String {
    switch self {
    case .replayed: "Replayed secure call rejected."
    }
  }
}
