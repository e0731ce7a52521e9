/// What a service says about itself: keys and values, in the form of DNS. (RFC 6763, 6)
///
/// Whoever is on the network writes what he likes into it, so it is read with limits, and of a key that is there more
/// than once, its first value counts.
public struct TXTRecord: Hashable, Sendable {
  /// The most bytes that are read. What is made here has fewer than 700.
  static let limit = 2048

  private let values: [String: [UInt8]]
  /// The record in the form of DNS: each string after a byte with its length.
  let wire: [UInt8]

  /// - Precondition: no `key=value` has more than 255 bytes.
  init(_ pairs: [(key: String, value: String)]) {
    var wire: [UInt8] = []
    var values: [String: [UInt8]] = [:]
    for (key, value) in pairs {
      let string = Array("\(key)=\(value)".utf8)
      wire.append(UInt8(string.count))
      wire += string
      values[key] = Array(value.utf8)
    }
    self.wire = wire
    self.values = values
  }

  /// Reads what came from the network; nil where it is too long, or ends within a string.
  init?(wire: [UInt8]) {
    guard wire.count <= Self.limit else { return nil }
    var values: [String: [UInt8]] = [:]
    var rest = wire[...]
    while let length = rest.popFirst() {
      guard rest.count >= Int(length) else { return nil }
      let string = rest.prefix(Int(length))
      rest = rest.dropFirst(Int(length))
      let parts = string.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let key = Self.key(parts[0]), values[key] == nil else { continue }
      values[key] = Array(parts[1])
    }
    self.wire = wire
    self.values = values
  }

  /// The value of a key, in lower case; nil where it has none.
  subscript(key: String) -> [UInt8]? { values[key] }

  /// Keys are printable ASCII, and the same in upper and lower case.
  private static func key(_ bytes: ArraySlice<UInt8>) -> String? {
    guard !bytes.isEmpty, bytes.allSatisfy({ 0x20...0x7e ~= $0 }) else { return nil }
    return String(decoding: bytes, as: UTF8.self).lowercased()
  }
}
