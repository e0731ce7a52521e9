import Foundation

/// The signed part of an access key, as it was presented: nothing about it is believed yet. Addresses that are
/// none are kept as nil, so that each of them is refused for its own reason. (spec/01, A8)
struct AccessKeyPayload {
  let audience: Address?
  let counter: UInt64
  let expiresAt: Int64?
  let issuedAt: Int64
  let issuer: Address?
  let label: String?
  let nonce: String

  /// Reads a payload; nil for anything that is not one. The text that minting writes is read in one pass over
  /// its bytes; every other spelling of the same JSON is left to Foundation's decoder.
  init?(_ text: UnsafeRawBufferPointer) {
    if let payload = AccessKeyPayload(canonical: text) {
      self = payload
      return
    }
    guard let fields = try? JSONDecoder().decode(Fields.self, from: Data(text)) else { return nil }
    audience = Address(ignoringChecksum: fields.aud)
    counter = fields.cnt
    expiresAt = fields.exp
    issuedAt = fields.iat
    issuer = Address(ignoringChecksum: fields.iss)
    label = fields.lbl
    nonce = fields.nonce
  }

  /// Reads the one text that ``AccessKeyClaims/encoded()`` writes; nil leaves it to the decoder.
  init?(canonical text: UnsafeRawBufferPointer) {
    var reader = CanonicalReader(text: text)
    guard reader.take("{\"aud\":"), let audience = reader.plainString(),
      reader.take(",\"cnt\":"), let counter = reader.number()
    else { return nil }
    var expiresAt: Int64?
    if reader.take(",\"exp\":") {
      guard let end = reader.number().flatMap({ Int64(exactly: $0) }) else { return nil }
      expiresAt = end
    }
    guard reader.take(",\"iat\":"), let issuedAt = reader.number().flatMap({ Int64(exactly: $0) }),
      reader.take(",\"iss\":"), let issuer = reader.plainString()
    else { return nil }
    var label: String?
    if reader.take(",\"lbl\":") {
      guard let text = reader.string() else { return nil }
      label = text
    }
    guard reader.take(",\"nonce\":"), let nonce = reader.plainString(), reader.take("}"), reader.isAtEnd
    else { return nil }
    self.audience = Address(ascii: audience)
    self.counter = counter
    self.expiresAt = expiresAt
    self.issuedAt = issuedAt
    self.issuer = Address(ascii: issuer)
    self.label = label
    self.nonce = String(decoding: nonce, as: UTF8.self)
  }

  private struct Fields: Decodable {
    let aud: String
    let cnt: UInt64
    let exp: Int64?
    let iat: Int64
    let iss: String
    let lbl: String?
    let nonce: String
  }
}

/// Walks over JSON that has no whitespace and whose keys come in a known order.
private struct CanonicalReader {
  let text: UnsafeRawBufferPointer
  var position = 0

  var isAtEnd: Bool { position == text.count }

  /// Steps over `expected`, if that is what comes next.
  mutating func take(_ expected: StaticString) -> Bool {
    let count = expected.utf8CodeUnitCount
    guard text.count - position >= count,
      memcmp(text.baseAddress! + position, expected.utf8Start, count) == 0
    else { return false }
    position += count
    return true
  }

  /// A whole number without sign, fraction, exponent or leading zero.
  mutating func number() -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while position < text.count, case let digit = text[position] &- UInt8(ascii: "0"), digit < 10 {
      let (tens, isTooLong) = value.multipliedReportingOverflow(by: 10)
      let (sum, isTooLarge) = tens.addingReportingOverflow(UInt64(digit))
      guard !isTooLong, !isTooLarge else { return nil }
      value = sum
      position += 1
    }
    guard position > start, position == start + 1 || text[start] != UInt8(ascii: "0") else { return nil }
    return value
  }

  /// The inside of a string of printable ASCII without escapes.
  mutating func plainString() -> UnsafeRawBufferPointer? {
    guard take("\"") else { return nil }
    let start = position
    while position < text.count {
      let byte = text[position]
      if byte == UInt8(ascii: "\"") {
        position += 1
        return UnsafeRawBufferPointer(rebasing: text[start..<position - 1])
      }
      guard byte >= 0x20, byte < 0x7f, byte != UInt8(ascii: "\\") else { return nil }
      position += 1
    }
    return nil
  }

  /// A string in UTF-8 with the short escapes; `\u` is left to the decoder.
  mutating func string() -> String? {
    guard take("\"") else { return nil }
    var content: [UInt8] = []
    while position < text.count {
      let byte = text[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(validating: content, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard position < text.count, let meant = JSONString.character(escapedAs: text[position]) else {
          return nil
        }
        content.append(meant)
        position += 1
      case ..<0x20: return nil
      default: content.append(byte)
      }
    }
    return nil
  }
}
