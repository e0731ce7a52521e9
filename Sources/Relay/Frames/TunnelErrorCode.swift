/// A relay's word for what is wrong with a tunnel. A host may meet words that it does not know.
public struct TunnelErrorCode: RawRepresentable, Hashable, Sendable {
  public let rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }

  // MARK: In `auth_error`, before the relay closes

  public static let authTimeout = TunnelErrorCode(rawValue: "auth_timeout")
  public static let invalidJSON = TunnelErrorCode(rawValue: "invalid_json")
  public static let expectedAuthFrame = TunnelErrorCode(rawValue: "expected_auth_frame")
  public static let invalidNonce = TunnelErrorCode(rawValue: "invalid_nonce")
  public static let noAgents = TunnelErrorCode(rawValue: "no_agents")
  public static let tooManyAgents = TunnelErrorCode(rawValue: "too_many_agents")
  public static let signatureVerificationFailed = TunnelErrorCode(rawValue: "signature_verification_failed")

  // MARK: In `error`

  public static let maxAgentsReached = TunnelErrorCode(rawValue: "max_agents_reached")
  public static let invalidSignature = TunnelErrorCode(rawValue: "invalid_signature")
  public static let addressAlreadyRegistered = TunnelErrorCode(rawValue: "address_already_registered")
  /// A frame that is none; the relay closes.
  public static let invalidFrame = TunnelErrorCode(rawValue: "invalid_frame")
  /// More frames about agents than a host needs; the relay closes.
  public static let rateLimited = TunnelErrorCode(rawValue: "rate_limited")

  // MARK: In `rejected`

  public static let alreadyRegistered = TunnelErrorCode(rawValue: "already_registered")
  /// The relay has no room for more agents.
  public static let relayFull = TunnelErrorCode(rawValue: "relay_full")
}
