public import Identity

/// Why an access key cannot be handed over sealed, each as a sentence for a person.
public enum PairingError: Error, Hashable, Sendable {
  /// The key to seal to is no X25519 public key, or one that gives no secret.
  case invalidEncryptionKey
  /// What was handed over is not of the expected form.
  case malformedAnswer
  /// The answer comes in the name of another agent than the one that was asked.
  case otherAgent(expected: Address, actual: Address)
  /// The access key came in the clear.
  case unsealedKey
  /// The agent did not sign the answer.
  case unsignedAnswer
  /// The sealed key was not sealed for this request.
  case sealedForAnother
  /// What was sealed is no access key that this agent made for itself.
  case foreignKey
}

extension PairingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidEncryptionKey: "The encryption key is no X25519 public key; make a new one."
    case .malformedAnswer:
      "The answer is malformed; check that the URL is that of an osaurus host."
    case .otherAgent(let expected, let actual):
      "Somebody answered as \(actual), not as \(expected) who was asked; nothing was kept. Ask the owner what to do."
    case .unsealedKey:
      "The access key came in the clear, so others may have read it; it was not kept. \(Self.remedy)"
    case .unsignedAnswer:
      "The answer is not signed by the agent that was asked; nothing was kept. \(Self.remedy)"
    case .sealedForAnother:
      "The access key was not sealed for this machine; nothing was kept. \(Self.remedy)"
    case .foreignKey:
      "What came is not an access key of the agent that was asked; nothing was kept. \(Self.remedy)"
    }
  }

  private static let remedy = "Have the owner revoke the invite, or the peer."
}
