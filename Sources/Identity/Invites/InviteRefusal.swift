/// A member of an invite, by its name on the wire.
public enum InviteField: String, CaseIterable, Sendable {
  case version = "v"
  case address = "addr"
  case name
  case description = "desc"
  case url
  case nonce
  case expiry = "exp"
  case signature = "sig"
}

/// Why a text is no invite that can be used, each as a sentence for a person. None of them repeats the text.
public enum InviteRefusal: Error, Hashable, Sendable {
  /// It does not begin with `osaurus://`, or carries no invite.
  case notALink
  /// It is larger than any invite.
  case tooLong
  /// What follows `pair=` is not base64url.
  case payloadEncoding
  /// The payload is not a JSON object.
  case notAnObject
  /// A member is not there, or is of another type.
  case missing(InviteField)
  /// A member is there and makes no sense.
  case malformed(InviteField)
  /// It is of a version that is not known here.
  case unsupportedVersion
  /// The link names another agent than the invite inside it.
  case otherAgent
  /// The agent did not sign address, nonce and end.
  case wrongSignature
  /// Name, description or URL are not those that the agent signed.
  case alteredDetails
  /// It ended at this Unix second.
  case expired(at: Int64)
}

extension InviteRefusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notALink: "This is not an invite; it begins with 'osaurus://' and is one line. Ask for it again."
    case .tooLong: "This is larger than any invite; check what was copied."
    case .payloadEncoding: "The invite is damaged: its text was cut or changed. Copy it again, all of it."
    case .notAnObject: "The invite is damaged: it holds no JSON object. Copy it again, all of it."
    case .missing(let field): "The invite is damaged: '\(field.rawValue)' is missing. Ask for a new one."
    case .malformed(let field):
      "The invite is damaged: \(Self.meaning(of: field)). Ask for a new one."
    case .unsupportedVersion: "The invite is of a version that is not known here; update osaurus-host."
    case .otherAgent:
      "The link names another agent than the invite inside it: somebody changed it. Ask for a new one."
    case .wrongSignature:
      "The invite is not signed by the agent that it names: it was changed or forged. Ask for a new one."
    case .alteredDetails:
      "The invite's name, description or URL is not what the agent signed: somebody changed it. Ask for a new one."
    case .expired: "The invite has expired; ask for a new one."
    }
  }

  private static func meaning(of field: InviteField) -> String {
    switch field {
    case .version: "its version is no number"
    case .address: "its agent's address is none"
    case .name: "its name is empty or too long"
    case .description: "its description is too long"
    case .url: "its URL is not a plain http or https one"
    case .nonce: "its nonce is not 32 bytes"
    case .expiry: "its end is no time"
    case .signature: "its signature is not of the one form that agents make"
    }
  }
}
