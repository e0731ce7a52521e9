/// The header fields of a request or an answer: lowercase names, each of them once.
///
/// What could break out of its line cannot be here: names are tokens, values have no control characters but the tab.
/// (RFC 9110 §5.1, §5.5)
public struct RelayHeaders: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  public private(set) var fields: [String: String]

  public init() { fields = [:] }

  /// Fields that a program names. Such as cannot be are left out.
  public init(dictionaryLiteral elements: (String, String)...) {
    self.init()
    for (name, value) in elements { add(name, value) }
  }

  /// The value of the field of this lowercase name.
  public subscript(name: String) -> String? { fields[name] }

  /// Sets a field, or appends to it after a comma, as several fields of one name may be written.
  /// - Returns: Whether the field is one that can be.
  @discardableResult
  public mutating func add(_ name: String, _ value: some StringProtocol) -> Bool {
    guard let name = Self.canonical(name), Self.isValue(value) else { return false }
    if let before = fields[name] {
      fields[name] = before + ", " + value
    } else {
      fields[name] = String(value)
    }
    return true
  }

  /// Sets a field in place of any other of its name, or removes it.
  public mutating func set(_ name: String, _ value: String?) {
    guard let name = Self.canonical(name) else { return }
    fields[name] = nil
    if let value { add(name, value) }
  }

  /// Removes the fields whose names are such.
  public mutating func remove(where isUnwanted: (String) -> Bool) {
    fields = fields.filter { !isUnwanted($0.key) }
  }

  /// The bytes of all names and values.
  public var byteCount: Int { fields.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count } }

  public var isEmpty: Bool { fields.isEmpty }

  private static func canonical(_ name: String) -> String? {
    guard 1...256 ~= name.utf8.count else { return nil }
    var isLowercase = true
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): continue
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): isLowercase = false
      case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"),
        UInt8(ascii: "~"):
        continue
      default: return nil
      }
    }
    return isLowercase ? name : name.lowercased()
  }

  private static func isValue(_ value: some StringProtocol) -> Bool {
    value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
  }
}
