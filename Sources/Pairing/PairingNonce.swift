import Identity
import SecretMemory

/// What tells one pairing from every other: 32 bytes, written as 64 lowercase hexadecimal digits. (spec/02, C2)
///
/// For other hosts all of them are random. A nonce that is made here ends with a mark, which a connector signs with the
/// rest:
///
///     26 random bytes ‖ "OSH-v1"
///
/// It says that this host signs its whole answer for whoever asks for that. So nobody in between can take that signature
/// away unnoticed, and no other host's nonce is mistaken for one of these.
public struct PairingNonce: Hashable, Sendable {
  static let byteCount = 32
  /// How many of them are random.
  static let randomCount = 26
  private static let mark = Array("OSH-v1".utf8)

  /// 64 lowercase digits, the one way in which a nonce is written.
  public let text: String

  /// A new nonce.
  public static func make() -> PairingNonce { PairingNonce(random: RandomBytes.make(randomCount)) }

  /// - Parameter random: ``randomCount`` bytes.
  init(random: [UInt8]) {
    precondition(random.count == Self.randomCount)
    text = Hex.string(random + Self.mark)
  }

  /// Reads a nonce; nil for anything else than 64 lowercase digits.
  public init?(_ text: String) {
    guard let bytes = Hex.decode(text), bytes.count == Self.byteCount, Hex.string(bytes) == text else {
      return nil
    }
    self.text = text
  }

  /// Whether the host that made it signs its whole answer for whoever asks for that.
  var promisesBoundAnswer: Bool { text.hasSuffix(Hex.string(Self.mark)) }
}

extension PairingNonce {
  /// The body of an answer to `/pair/challenge`.
  public var challenge: [UInt8] { SortedJSON.encode(["nonce": .text(text)]) }

  /// Reads the body of an answer to `/pair/challenge`.
  /// - Throws: ``PairingError/malformedAnswer``.
  public init(parsingChallenge body: [UInt8]) throws(PairingError) {
    var nonce: String?
    let isWhole = body.withUnsafeBytes { bytes in
      FlatJSON.scan(bytes) { key, value in
        FlatJSON.isKey(key, "nonce") ? FlatJSON.fill(&nonce, FlatJSON.text(value)) : true
      }
    }
    guard isWhole, let made = nonce.flatMap({ PairingNonce($0) }) else { throw .malformedAnswer }
    self = made
  }
}
