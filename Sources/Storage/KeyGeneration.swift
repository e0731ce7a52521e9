import Identity

/// Which of the data keys that a host has over time something is kept under: 8 bytes that derive from the key itself, and
/// tell nothing about it. Another key is another generation, wherever it is kept and whatever else was lost.
public struct KeyGeneration: RawRepresentable, Hashable, Sendable {
  static let byteCount = 8

  public let rawValue: [UInt8]

  public init?(rawValue: [UInt8]) {
    guard rawValue.count == Self.byteCount else { return nil }
    self.rawValue = rawValue
  }
}

extension KeyGeneration: CustomStringConvertible {
  /// 16 hexadecimal digits.
  public var description: String { Hex.string(rawValue) }
}
