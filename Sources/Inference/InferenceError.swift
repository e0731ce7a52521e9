/// What can go wrong in `Inference`, each with what a person can do about it.
public enum InferenceError: Error, Hashable, CustomStringConvertible {
  /// Nothing serves a model.
  case noModel

  public var description: String {
    switch self {
    case .noModel: "No model server is configured or running; see 'osaurus-host model list'."
    }
  }
}
