import Foundation

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

  /// The payload as it is signed: keys in order, absent members left out, `/` escaped.
  func encoded() -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    guard let data = try? encoder.encode(Payload(self)) else { return [] }
    return [UInt8](data)
  }

  /// Reads a payload; nil for anything that is not one.
  init?(_ text: UnsafeRawBufferPointer) {
    if let claims = Self.fast(text) {
      self = claims
    } else {
      guard let payload = try? JSONDecoder().decode(Payload.self, from: Data(text)),
        let claims = payload.claims
      else { return nil }
      self = claims
    }
  }

  private struct Payload: Codable {
    let aud: String
    let cnt: UInt64
    let exp: Int64?
    let iat: Int64
    let iss: String
    let lbl: String?
    let nonce: String

    init(_ claims: AccessKeyClaims) {
      aud = claims.audience.checksummed
      cnt = claims.counter
      exp = claims.expiresAt
      iat = claims.issuedAt
      iss = claims.issuer.checksummed
      lbl = claims.label.flatMap { $0.isEmpty ? nil : $0 }
      nonce = claims.nonce
    }

    var claims: AccessKeyClaims? {
      guard let audience = Address(ignoringChecksum: aud), let issuer = Address(ignoringChecksum: iss)
      else { return nil }
      return AccessKeyClaims(
        audience: audience, counter: cnt, expiresAt: exp, issuedAt: iat, issuer: issuer, label: lbl,
        nonce: nonce)
    }
  }

  /// The same for the plain form that minting gives; nil leaves the text to the decoder.
  private static func fast(_ text: UnsafeRawBufferPointer) -> AccessKeyClaims? {
    var audience: Address?
    var issuer: Address?
    var counter: UInt64?
    var expiresAt: UInt64?
    var issuedAt: UInt64?
    var label: String?
    var nonce: String?
    let isFlat = FlatJSON.scan(text) { key, value in
      switch value {
      case .string(let content):
        if FlatJSON.isKey(key, "aud"), audience == nil {
          audience = Address(ascii: content)
          return audience != nil
        }
        if FlatJSON.isKey(key, "iss"), issuer == nil {
          issuer = Address(ascii: content)
          return issuer != nil
        }
        if FlatJSON.isKey(key, "nonce"), nonce == nil {
          nonce = String(decoding: content, as: UTF8.self)
          return true
        }
        if FlatJSON.isKey(key, "lbl"), label == nil {
          label = String(decoding: content, as: UTF8.self)
          return true
        }
        return false
      case .unsigned(let number):
        guard number <= UInt64(Int64.max) else { return false }
        if FlatJSON.isKey(key, "cnt"), counter == nil {
          counter = number
          return true
        }
        if FlatJSON.isKey(key, "exp"), expiresAt == nil {
          expiresAt = number
          return true
        }
        if FlatJSON.isKey(key, "iat"), issuedAt == nil {
          issuedAt = number
          return true
        }
        return false
      case .slashEscaped, .boolean, .object:
        return false
      }
    }
    guard isFlat, let audience, let issuer, let counter, let issuedAt, let nonce else { return nil }
    return AccessKeyClaims(
      audience: audience, counter: counter, expiresAt: expiresAt.map { Int64($0) },
      issuedAt: Int64(issuedAt), issuer: issuer, label: label, nonce: nonce)
  }
}
