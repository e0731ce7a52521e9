public import Identity

/// Why a handshake, a call or an answer was refused.
public enum SecureChannelError: Error, Hashable, Sendable {
  // What a server refuses.

  /// The body is no ClientHello.
  case invalidHandshake
  /// The version is another than 1.
  case unsupportedVersion
  /// No agent of this host has that address.
  case unknownAgent
  /// The public key is not 32 bytes, the nonce shorter than 16, or a field would break the transcript.
  case malformedHandshake
  /// The body is no CallRequest.
  case malformedCall
  /// What was sealed is no request that may be made inside the channel.
  case malformedInnerRequest
  /// There is no such session, or it has expired.
  case sessionUnknown
  /// The ciphertext was not made under this session's key for this call.
  case decryptionFailed
  /// The sequence number is 0, was seen before, or is older than the window.
  case replayed

  // What a client refuses.

  /// The answer is no ServerHello.
  case invalidServerHello
  /// Somebody else than the pinned agent signed the handshake.
  case identityMismatch(expected: Address, actual: Address?)
  /// The session would end in the past, or too far in the future.
  case unreasonableExpiry
  /// The answer ended before its authenticated end.
  case streamTruncated
  /// A frame is not JSON of the right shape, out of order, or comes after the end.
  case malformedFrame

  // What a sender may not do.

  /// The answer was already ended.
  case alreadyFinished
}

extension SecureChannelError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidHandshake: "Invalid handshake request"
    case .unsupportedVersion: "Unsupported secure channel version"
    case .unknownAgent: "Unknown agent address"
    case .malformedHandshake: "Malformed handshake"
    case .malformedCall: "Malformed secure call"
    case .malformedInnerRequest: "Malformed inner request"
    case .sessionUnknown: "Unknown or expired secure session"
    case .decryptionFailed: "Decryption failed"
    case .replayed: "Replayed secure call rejected"
    case .invalidServerHello: "The peer's handshake answer is malformed."
    case .identityMismatch(let expected, let actual):
      "The handshake was signed by \(actual?.checksummed ?? "nobody"), not by the pinned \(expected)."
    case .unreasonableExpiry: "The peer offered a session whose end is not within the next two hours."
    case .streamTruncated: "The answer ended before its last authenticated frame."
    case .malformedFrame: "The peer sent a frame that does not belong to this answer."
    case .alreadyFinished: "The answer was already ended."
    }
  }

  /// How a server tells a client: the HTTP status and, for calls, the code. (spec/01, B4 and B5)
  public var wire: (status: Int, code: String?)? {
    switch self {
    case .invalidHandshake, .unsupportedVersion, .malformedHandshake: (400, nil)
    case .unknownAgent: (404, nil)
    case .malformedCall, .malformedInnerRequest: (400, "secure_malformed")
    case .sessionUnknown: (401, "secure_session_unknown")
    case .decryptionFailed: (400, "secure_decrypt_failed")
    case .replayed: (409, "secure_replay")
    case .invalidServerHello, .identityMismatch, .unreasonableExpiry, .streamTruncated,
      .malformedFrame, .alreadyFinished:
      nil
    }
  }
}
