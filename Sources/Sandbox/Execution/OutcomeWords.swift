// What became of a command in a word or two that stay the same, as the audit keeps it: no path, no name, nothing of the code.

extension ExecutionResult {
  /// How it ended.
  public var outcomeWord: String {
    switch cause {
    case .itself: if case .exited = ending { "exited" } else { "signalled" }
    case .timeLimit: "timeLimit"
    case .memory: "memory"
    case .processes: "processes"
    case .disk, .home: "disk"
    case .output: "output"
    case .request: "cancelled"
    case .service: "serviceEnded"
    }
  }

  /// The exit code, or the number of the signal.
  public var endingNumber: Int32 {
    switch ending {
    case .exited(let code): code
    case .signalled(let number): number
    }
  }
}

extension SandboxError {
  /// Why it was refused.
  public var refusalWords: String {
    switch self {
    case .layerMissing(let layer, _, _): "layer missing: \(layer.rawValue)"
    case .notWaivable(let layer): "layer not waivable: \(layer.rawValue)"
    case .programMissing: "program missing"
    case .notStarted: "not started"
    case .commandNotRun: "command not run"
    case .invalidRequest: "invalid request"
    case .variableRefused: "variable"
    case .grantRefused: "workspace"
    case .folder: "folder"
    case .tooManyRunning: "too many running"
    default: "refused"
    }
  }
}
