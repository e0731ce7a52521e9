/// The name of a plugin, such as `com.example.weather`, which is also the name of its folder: 1 to 100 letters, digits,
/// dots, dashes and underscores of ASCII, of which the first is a letter or a digit.
public struct PluginID: RawRepresentable, Hashable, Sendable {
  public let rawValue: String

  public init?(rawValue: String) {
    func isPlain(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: false
      }
    }
    let bytes = rawValue.utf8
    guard (1...100).contains(bytes.count), let first = bytes.first, isPlain(first),
      bytes.allSatisfy({
        isPlain($0) || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains($0)
      })
    else { return nil }
    self.rawValue = rawValue
  }
}
