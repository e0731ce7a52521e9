/// Why the methods refused, each as a sentence for a person.
public enum MethodError: Error, Hashable, Sendable {
  /// There is no such method, or it is another agent's.
  case noSuchMethod(String)
  /// Only what the owner wrote can be for all agents.
  case needsAgent
  /// A text is empty or too long.
  case badText(field: String, limit: Int)
}

extension MethodError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchMethod(let id): "There is no method '\(id)' of this agent."
    case .needsAgent: "Say whose method that is; only what the owner wrote can be for all agents."
    case .badText(let field, let limit): "The \(field) of a method has 1 to \(limit) bytes of text."
    }
  }
}
