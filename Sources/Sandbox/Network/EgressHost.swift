/// A name on the internet, in the one spelling in which names are compared: small ASCII letters, and no dot at its end. An
/// address is none, in whatever way it is written.
public struct EgressHost: Hashable, Sendable, CustomStringConvertible {
  /// Why a text is not the name of a host.
  public enum Refusal: String, Error, Sendable {
    case empty, tooLong, address, notASCII, malformed, singleLabel

    /// What a person reads.
    public var sentence: String {
      switch self {
      case .empty: "there is no name"
      case .tooLong: "a name has at most 253 characters, and 63 between two dots"
      case .address: "addresses are not let through, only names"
      case .notASCII: "write the name in ASCII, as it is in the DNS (xn--…)"
      case .malformed: "a name consists of letters, digits, '-' and dots"
      case .singleLabel: "a name needs a dot: names of the local network are not let through"
      }
    }
  }

  public let description: String

  /// Reads a name.
  /// - Throws: ``Refusal``.
  public init(_ text: some StringProtocol) throws(Refusal) {
    var bytes = Array(text.utf8)
    guard bytes.allSatisfy({ $0 < 0x80 }) else { throw .notASCII }
    // The dot of the root may be there or not.
    if bytes.count > 1, bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    guard !bytes.isEmpty else { throw .empty }
    guard bytes.count <= 253 else { throw .tooLong }
    if bytes.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "[") }) { throw .address }
    let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    for label in labels {
      guard let first = label.first, let last = label.last, first != UInt8(ascii: "-"),
        last != UInt8(ascii: "-"), label.allSatisfy(Self.isLetterDigitOrHyphen)
      else { throw .malformed }
      guard label.count <= 63 else { throw .tooLong }
    }
    // No top-level name begins with a digit, and every way to write an address ends with a number: 127.1, 0x7f000001.
    guard let last = labels.last?.first, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= last) else {
      throw .address
    }
    guard labels.count > 1 else { throw .singleLabel }
    description = String(decoding: bytes, as: UTF8.self).lowercased()
  }

  private static func isLetterDigitOrHyphen(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

/// A host and a port that a program wants to reach.
public struct EgressTarget: Hashable, Sendable, CustomStringConvertible {
  public let host: EgressHost
  public let port: UInt16

  public var description: String { "\(host):\(port)" }

  /// Reads `host:port`, or `host` alone where a port goes without saying.
  /// - Throws: ``EgressHost/Refusal``.
  public init(_ text: some StringProtocol, ordinaryPort: UInt16? = nil) throws(EgressHost.Refusal) {
    // Byte by byte: a mark that joins with a character makes another one of it, for the eye and for Swift.
    let bytes = Array(text.utf8)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else {
      guard let ordinaryPort else { throw .malformed }
      host = try EgressHost(text)
      port = ordinaryPort
      return
    }
    let digits = bytes[(colon + 1)...]
    host = try EgressHost(String(decoding: bytes[..<colon], as: UTF8.self))
    guard (1...5).contains(digits.count),
      digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
      let number = UInt16(String(decoding: digits, as: UTF8.self)), number > 0
    else { throw .malformed }
    port = number
  }
}
