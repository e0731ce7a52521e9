/// Why a request token is refused. The raw values are names for scripts.
public enum RequestTokenRefusal: String, Error, CaseIterable, Hashable, Sendable {
  /// Longer than 16 KiB, or not four segments of which only the last may be empty.
  case format = "token_format"
  case headerEncoding = "header_encoding"
  case malformedHeader = "malformed_header"
  case algorithm = "token_algorithm"
  case type = "token_type"
  case version = "token_version"
  case payloadEncoding = "payload_encoding"
  case malformedPayload = "malformed_payload"
  case signatureEncoding = "signature_encoding"
  case signatureRecovery = "signature_recovery"
  case issuerMismatch = "issuer_mismatch"
  case unknownIssuer = "unknown_issuer"
  case audienceMismatch = "audience_mismatch"
  case actionMismatch = "action_mismatch"
  /// It does not end 60 seconds after it was issued.
  case lifetime = "token_lifetime"
  case notYetValid = "not_yet_valid"
  case expired
  /// The fourth segment is empty, and such a token will not do here.
  case unsignedByDevice = "unsigned_by_device"
  case deviceSignatureEncoding = "device_signature_encoding"
  case unknownDevice = "unknown_device"
  case deviceSignature = "device_signature"
  /// A token with this counter, or a later one of the same device, was taken before.
  case replayed
}

extension RequestTokenRefusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .format: "This is not a request token."
    case .headerEncoding: "The token's header is not base64url."
    case .malformedHeader: "The token's header is not the JSON that belongs there."
    case .algorithm: "The token was signed in a way that is not known here."
    case .type: "This is a token for something else."
    case .version: "The token is of a version that is not known here."
    case .payloadEncoding: "The token's payload is not base64url."
    case .malformedPayload: "The token's payload is not the JSON that belongs there."
    case .signatureEncoding: "The token's signature is not 65 bytes in hexadecimal digits."
    case .signatureRecovery: "No key can have made the token's signature."
    case .issuerMismatch: "The token was not signed by the issuer that it names, or was changed."
    case .unknownIssuer: "The token's issuer is not one whose tokens are taken here."
    case .audienceMismatch: "The token is for another host."
    case .actionMismatch: "The token is for another request."
    case .lifetime: "The token does not end a minute after it was issued."
    case .notYetValid: "The token was issued in the future; compare the clocks of both machines."
    case .expired: "The token has ended; make a new one for every request."
    case .unsignedByDevice: "No device has signed the token."
    case .deviceSignatureEncoding: "The device's signature is not 64 bytes in base64url."
    case .unknownDevice: "The token is from a device that is not known here."
    case .deviceSignature: "The device that the token names has not signed it."
    case .replayed: "The token was used before, or a later one of its device was."
    }
  }
}
