/// Some addresses that begin alike: `10.0.0.0/8`, `fd00::/8`, or one alone.
public struct AddressRange: Hashable, Sendable {
  private let address: NetworkAddress
  private let bits: Int

  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = NetworkAddress(first) else { return nil }
    let most = address.bytes.count * 8
    guard parts.count == 2 else {
      (self.address, bits) = (address, most)
      return
    }
    guard let bits = Int(parts[1]), 0...most ~= bits else { return nil }
    (self.address, self.bits) = (address, bits)
  }

  public func contains(_ other: NetworkAddress) -> Bool {
    guard other.bytes.count == address.bytes.count else { return false }
    return (0..<bits).allSatisfy { bit in
      (address.bytes[bit / 8] ^ other.bytes[bit / 8]) & (0x80 >> (bit % 8)) == 0
    }
  }

  /// This machine.
  public static let loopback = [AddressRange("127.0.0.0/8"), AddressRange("::1")].compactMap(\.self)
}
