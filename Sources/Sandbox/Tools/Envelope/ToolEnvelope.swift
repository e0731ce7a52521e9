/// What a tool answers, in the one form that all answers have.
public enum ToolEnvelope: Hashable, Sendable {
  case success(ToolValue, warnings: [String] = [])
  case failure(ToolFailure)

  /// As an object.
  /// - Parameter tool: the name of the tool.
  public func value(tool: String? = nil) -> ToolValue {
    var members: [String: ToolValue] = [:]
    switch self {
    case .success(let result, let warnings):
      members["ok"] = true
      members["result"] = result
      if !warnings.isEmpty { members["warnings"] = .texts(warnings) }
    case .failure(let failure):
      members = failure.metadata
      members["ok"] = false
      members["kind"] = .string(failure.kind.rawValue)
      members["message"] = .string(failure.message)
      members["retryable"] = .bool(failure.isRetryable)
      // What is said of the failure itself is not taken from what comes with it.
      members["field"] = failure.field.map { .string($0) }
      members["expected"] = failure.expected.map { .string($0) }
      members["result"] = nil
    }
    members["tool"] = tool.map { .string($0) }
    return .object(members)
  }

  /// As the text that a model reads.
  public func json(tool: String? = nil) -> String { value(tool: tool).json }

  public var isSuccess: Bool {
    if case .success = self { true } else { false }
  }

  /// The same with every text in it changed.
  func mapTexts(_ change: (String) -> String) -> ToolEnvelope {
    switch self {
    case .success(let result, let warnings):
      return .success(result.mapTexts(change), warnings: warnings.map(change))
    case .failure(var failure):
      failure.message = change(failure.message)
      failure.expected = failure.expected.map(change)
      failure.metadata = failure.metadata.mapValues { $0.mapTexts(change) }
      return .failure(failure)
    }
  }
}
