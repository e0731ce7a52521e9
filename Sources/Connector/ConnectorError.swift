/// What can go wrong in `Connector`, each with what a person can do about it.
public enum ConnectorError: Error, Hashable, CustomStringConvertible {
  /// A stream ended without `fin`.
  case streamTruncated

  public var description: String {
    switch self {
    case .streamTruncated:
      "The answer ended before its last authenticated frame; what was shown may be incomplete."
    }
  }
}
