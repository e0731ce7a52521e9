/// The name of a request within its tunnel: as relays make them, a UUID. A host sends it back as it came.
public struct RequestID: Hashable, Sendable {
  /// At most this many bytes.
  public static let byteLimit = 64

  public let text: String

  /// Takes 1 to 64 printable characters of ASCII without spaces, quotes and backslashes.
  public init?(_ text: some StringProtocol) {
    guard 1...Self.byteLimit ~= text.utf8.count else { return nil }
    for byte in text.utf8 {
      guard 0x21...0x7e ~= byte, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return nil }
    }
    self.text = String(text)
  }
}

extension RequestID: CustomStringConvertible {
  public var description: String { text }
}
