/// What an access key says of itself: the payload between its two dots. (spec/01, A8)
public struct AccessKeyClaims: Hashable, Sendable {
  /// Whom the key opens: the master's address, or an agent's.
  public let audience: Address
  /// The issuer's counter when the key was made; a threshold revokes everything up to a number.
  public let counter: UInt64
  /// The Unix second from which the key is refused; nil for never.
  public let expiresAt: Int64?
  /// The Unix second at which it was made.
  public let issuedAt: Int64
  /// Who signed it.
  public let issuer: Address
  /// What its owner calls it.
  public let label: String?
  /// What tells it from every other key of its issuer: 32 lowercase hexadecimal digits.
  public let nonce: String

  public init(
    audience: Address, counter: UInt64, expiresAt: Int64?, issuedAt: Int64, issuer: Address,
    label: String?, nonce: String
  ) {
    self.audience = audience
    self.counter = counter
    self.expiresAt = expiresAt
    self.issuedAt = issuedAt
    self.issuer = issuer
    self.label = label
    self.nonce = nonce
  }

  /// The payload as it is signed: keys in order, absent members left out, `/` escaped, UTF-8 as it is.
  func encoded() -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(256 + (label?.utf8.count ?? 0))
    text += "{\"aud\":\"\(audience.checksummed)\",\"cnt\":\(counter)".utf8
    if let expiresAt { text += ",\"exp\":\(expiresAt)".utf8 }
    text += ",\"iat\":\(issuedAt),\"iss\":\"\(issuer.checksummed)\"".utf8
    if let label, !label.isEmpty {
      text += ",\"lbl\":".utf8
      JSONString.append(label, escapingSlashes: true, to: &text)
    }
    text += ",\"nonce\":".utf8
    JSONString.append(nonce, escapingSlashes: true, to: &text)
    text.append(UInt8(ascii: "}"))
    return text
  }
}
