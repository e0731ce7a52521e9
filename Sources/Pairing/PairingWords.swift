import Crypto
public import Identity

/// Four words that both ends of a pairing show, so that a person can see that the host was asked by this connector and
/// by nobody in its place: 44 bits of
///
///     SHA-256("osaurus-pair-words-v1:" ‖ agentId ‖ ":" ‖ nonce ‖ ":" ‖ connectorAddress in lowercase ‖ ":" ‖ encPub)
///
/// with `agentId` and `encPub` as the request writes them, four times 11 bits from the front, as words of the English
/// list of BIP39. Somebody in between who asks in a connector's place has another address or another encryption key, and
/// so other words: to meet the same ones within the two minutes that an owner has, about 2⁴⁴ key pairs would have to be
/// tried.
public struct PairingWords: Hashable, Sendable, CustomStringConvertible {
  public static let count = 4

  public let words: [String]

  public init(agent: String, nonce: String, connector: Address, encPub: String?) {
    let text = "osaurus-pair-words-v1:\(agent):\(nonce):\(connector.lowercased):\(encPub ?? "")"
    var bits: UInt64 = 0
    for byte in SHA256.hash(data: Array(text.utf8)).prefix(8) { bits = bits << 8 | UInt64(byte) }
    words = (1...Self.count).map { position in
      let number = bits >> UInt64(64 - 11 * position) & 0x7ff
      return String(EnglishWords.all[Int(number)])
    }
  }

  /// The words with a space between each two.
  public var description: String { words.joined(separator: " ") }
}
