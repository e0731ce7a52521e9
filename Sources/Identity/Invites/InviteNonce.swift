import Crypto

/// What tells an invite from every other one: 32 bytes, which for others are random. (spec/01, A11)
///
/// The signature of an invite covers its agent, its end and its nonce, and nothing else. So that it covers the rest as
/// well, a nonce that is made here holds a digest of the rest:
///
///     10 random bytes ‖ "OSH-v1" ‖ the first 16 bytes of
///     SHA-256("osaurus-invite-details-v1:" ‖ the 10 random bytes ‖ {"desc"?,"name","url","v"})
///
/// The mark is signed, too, so nobody can take a detail for another, nor make it look as if none had been signed.
public struct InviteNonce: Hashable, Sendable {
  static let byteCount = 32
  /// How many of them are random.
  public static let randomCount = 10
  private static let mark = Array("OSH-v1".utf8)

  let bytes: [UInt8]

  /// Base64url without padding, the one way in which a nonce is written.
  public var text: String { Base64URL.string(bytes) }

  /// - Parameter random: ``randomCount`` bytes.
  init(random: [UInt8], details: InviteDetails) {
    precondition(random.count == Self.randomCount)
    bytes = random + Self.mark + Self.digest(of: details, random)
  }

  /// Reads a nonce; nil for anything else than base64url of 32 bytes.
  public init?(_ text: String) {
    guard let bytes = Base64URL.decode(text), bytes.count == Self.byteCount, Base64URL.string(bytes) == text
    else { return nil }
    self.bytes = bytes
  }

  /// Whether this nonce stands for details, and not for chance alone.
  var bindsDetails: Bool {
    bytes[Self.randomCount..<Self.randomCount + Self.mark.count].elementsEqual(Self.mark)
  }

  /// Whether these are the details for which it stands.
  func binds(_ details: InviteDetails) -> Bool {
    bindsDetails
      && bytes.suffix(16).elementsEqual(Self.digest(of: details, Array(bytes.prefix(Self.randomCount))))
  }

  private static func digest(of details: InviteDetails, _ random: [UInt8]) -> [UInt8] {
    var hash = SHA256()
    hash.update(data: Array("osaurus-invite-details-v1:".utf8))
    hash.update(data: random)
    hash.update(data: SortedJSON.encode(details.members))
    return Array(hash.finalize().prefix(16))
  }
}
