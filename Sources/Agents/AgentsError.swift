/// What can go wrong in `Agents`, each with what a person can do about it.
public enum AgentsError: Error, Hashable, CustomStringConvertible {
  /// The caller went away.
  case cancelled

  public var description: String {
    switch self {
    case .cancelled: "The run was cancelled."
    }
  }
}
