/// An agent that somebody on the network says to have: what is said of it, and where it is to be asked.
public struct DiscoveredService: Hashable, Sendable {
  public let record: ServiceRecord
  /// The name of its machine, without a dot at the end.
  public let host: HostName
  public let port: UInt16
  /// The machine's addresses as far as they are known, sorted.
  public internal(set) var addresses: [String]

  /// Reads what came from the network.
  /// - Throws: ``RecordRefusal``.
  init(_ answer: ResolvedInstance) throws(RecordRefusal) {
    guard let txt = TXTRecord(wire: answer.txt) else { throw .tooLong }
    record = try ServiceRecord(txt)
    guard let host = HostName(answer.host) ?? HostName(answer.address) else { throw .badHost }
    guard answer.port > 0 else { throw .badPort }
    self.host = host
    port = answer.port
    addresses = answer.address.isEmpty ? [] : [answer.address]
  }

  /// Where to ask: under the machine's name where this machine finds names on the network, else under an address.
  /// - Parameter resolvesNames: whether names that end in `.local` are found; see `LocalNames`.
  public func url(resolvesNames: Bool) -> String {
    // An address that holds on one link alone needs the link's name, for which a URL has no place.
    let usable = addresses.filter { !$0.lowercased().hasPrefix("fe80:") }
    let best = usable.first { !$0.contains(":") } ?? usable.first
    let place = resolvesNames || best == nil ? host.text : best!
    return "http://\(place.contains(":") ? "[\(place)]" : place):\(port)"
  }
}

/// The name of a machine, or its address, as a URL takes it: letters, digits, dots, hyphens, and colons in an address.
public struct HostName: Hashable, Sendable {
  public let text: String

  /// - Parameter text: a dot at the end is dropped.
  init?(_ text: String) {
    let bare = text.hasSuffix(".") ? text.dropLast() : text[...]
    guard (1...253).contains(bare.utf8.count), !bare.hasPrefix("."), !bare.hasPrefix("-"),
      bare.utf8.allSatisfy({ byte in
        let character = Character(Unicode.Scalar(byte))
        return character.isASCII
          && (character.isLetter || character.isNumber || "-_.:".contains(character))
      }), !bare.contains("..")
    else { return nil }
    self.text = String(bare)
  }
}
