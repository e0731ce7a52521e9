/// Why a text is no access key of this host. The raw values are the reasons that clients are told. (spec/01, A8)
public enum AccessKeyRefusal: String, Error, CaseIterable, Sendable {
  case unrecognisedFormat = "Unrecognized token format"
  case payloadEncoding = "Invalid payload encoding"
  case signatureEncoding = "Invalid signature encoding"
  case malformedPayload = "Malformed payload"
  case signatureRecovery = "Signature recovery failed"
  case issuerMismatch = "Issuer mismatch"
  case audienceMismatch = "Audience mismatch"
  case issuerNotWhitelisted = "Issuer not whitelisted"
}

/// An access key that was checked against everything this host knows. Only ``AccessKeyValidator`` makes one.
public struct VerifiedAccessKey: Hashable, Sendable {
  /// What a key opens.
  public enum Scope: Hashable, Sendable {
    /// The whole host.
    case master
    /// One agent.
    case agent(Address)
  }

  public let issuer: Address
  public let audience: Address
  public let nonce: String
  public let counter: UInt64
  /// The Unix second from which it is refused; nil for never.
  public let expiresAt: Int64?
  public let scope: Scope
}

/// What a presented access key is worth.
public enum AccessKeyVerdict: Hashable, Sendable {
  case valid(VerifiedAccessKey)
  case expired
  /// Also where it has expired as well.
  case revoked
  case invalid(AccessKeyRefusal)
}
