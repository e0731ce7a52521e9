/// Why an environment variable is not passed into a sandbox.
public enum VariableRefusal: String, Error, Codable, Hashable, Sendable {
  /// It is no name of a variable.
  case malformedName = "malformed_name"
  /// The sandbox sets it.
  case reserved
  /// It makes a program load or run something else.
  case hook
  /// Its name is that of a secret.
  case secretName = "secret_name"
  /// Its value looks like a key.
  case secretValue = "secret_value"
  /// Its value has a NUL byte, or is too long.
  case malformedValue = "malformed_value"

  /// The reason, in words.
  public var sentence: String {
    switch self {
    case .malformedName: "names are letters, digits and '_', at most 128."
    case .reserved: "the sandbox sets it itself."
    case .hook: "it can make a program load or run something else."
    case .secretName: "its name is that of a secret."
    case .secretValue: "its value looks like a key."
    case .malformedValue: "its value has a NUL byte or is longer than 32 KiB."
    }
  }

  var nextStep: String? {
    switch self {
    case .secretName, .secretValue:
      "Give it to the agent as a secret; those are hidden again in what commands say."
    default: nil
    }
  }
}
