import NIOHTTP1

/// The proxies whose word about who calls is taken.
struct TrustedProxies: Hashable, Sendable {
  let ranges: [AddressRange]

  func contains(_ address: NetworkAddress) -> Bool { ranges.contains { $0.contains(address) } }

  /// Who calls: the connection's far side, or, where that is a trusted proxy, the last address in its
  /// `X-Forwarded-For` that is not one. What a caller itself wrote there stands further left and does not count.
  func source(_ peer: NetworkAddress, _ headers: HTTPHeaders) -> NetworkAddress {
    guard contains(peer) else { return peer }
    for entry in headers[canonicalForm: "x-forwarded-for"].reversed() {
      guard let address = Self.address(in: entry) else { return peer }
      if !contains(address) { return address }
    }
    return peer
  }

  /// An address, with or without a port.
  private static func address(in entry: Substring) -> NetworkAddress? {
    if let address = NetworkAddress(entry) { return address }
    guard let colon = entry.lastIndex(of: ":"), UInt16(entry[entry.index(after: colon)...]) != nil else {
      return nil
    }
    return NetworkAddress(entry[..<colon])
  }
}
