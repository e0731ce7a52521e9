/// What can go wrong in `Agents`, each with what a person can do about it.
public enum AgentsError: Error, Hashable, CustomStringConvertible {
  /// The answer was given, and could not be written down.
  case answerNotKept(reason: String)

  public var description: String {
    switch self {
    case .answerNotKept(let reason):
      "The answer is whole but was not kept in the history (\(reason)); see 'osaurus-host doctor'."
    }
  }
}
