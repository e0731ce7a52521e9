/// Why a tool did not do what it was asked, for the model that asked.
public struct ToolFailure: Error, Hashable, Sendable {
  /// What went wrong, in a word.
  public enum Kind: String, Codable, CaseIterable, Sendable {
    case invalidArguments = "invalid_args"
    case rejected
    case userDenied = "user_denied"
    case timeout
    case executionError = "execution_error"
    case notFound = "not_found"
    case unavailable
    case toolNotFound = "tool_not_found"

    /// Whether another try may do better.
    public var isRetryable: Bool {
      switch self {
      case .invalidArguments, .timeout, .executionError, .unavailable: true
      case .rejected, .userDenied, .notFound, .toolNotFound: false
      }
    }
  }

  public var kind: Kind
  public var message: String
  public var isRetryable: Bool
  /// The argument that it is about.
  public var field: String?
  /// What would have been taken.
  public var expected: String?
  /// What else a program may want to know. It cannot stand for a member that every failure has.
  public var metadata: [String: ToolValue]

  public init(
    _ kind: Kind, _ message: String, field: String? = nil, expected: String? = nil,
    isRetryable: Bool? = nil, metadata: [String: ToolValue] = [:]
  ) {
    self.kind = kind
    self.message = message
    self.isRetryable = isRetryable ?? kind.isRetryable
    self.field = field
    self.expected = expected
    self.metadata = metadata
  }

  static func invalid(_ message: String, field: String? = nil, expected: String? = nil) -> ToolFailure {
    ToolFailure(.invalidArguments, message, field: field, expected: expected)
  }
}

/// An error that says itself what a model is told of it.
public protocol ToolRefusal: Error {
  var failure: ToolFailure { get }
}

extension ToolFailure {
  /// What a model is told of an error.
  public init(_ error: any Error) {
    switch error {
    case let failure as ToolFailure: self = failure
    case let refusal as any ToolRefusal: self = refusal.failure
    case let error as SandboxError: self.init(error)
    case is CancellationError: self.init(.rejected, "The call was cancelled.")
    default: self.init(.executionError, "The tool failed.")
    }
  }

  private init(_ error: SandboxError) {
    let kind: Kind =
      switch error {
      case .layerMissing, .notWaivable, .programMissing, .notStarted, .tooManyRunning: .unavailable
      case .invalidRequest, .variableRefused, .inputClosed, .inputFull: .invalidArguments
      case .grantRefused: .rejected
      case .noSuchSession: .notFound
      default: .executionError
      }
    var text = "\(error)"
    if let step = error.nextStep { text += " \(step)" }
    self.init(kind, text)
  }
}
