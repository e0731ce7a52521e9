import NIOCore

/// Which addresses a sandbox may be connected with: those of the public internet, and of them none of this machine's own nor of its
/// neighbours on the same network. The
/// blocks are those of the IANA's special-purpose registries, and a few that providers give to their metadata services.
struct AddressRule: Sendable {
  /// The rule as it holds.
  static let internet = AddressRule()

  private static let refusedFour: [AddressBlock] = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
  ].map(AddressBlock.init)

  /// Of IPv6, only what is handed out; not in it are loopback, link-local and private addresses, those that hold an IPv4
  /// address (mapped, compatible, NAT64), and multicast.
  private static let handedOut = AddressBlock("2000::/3")
  /// And of that, neither protocols, documentation, nor the tunnels that hold an IPv4 address (Teredo, 6to4).
  private static let refusedSix: [AddressBlock] = [
    "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
  ].map(AddressBlock.init)

  /// Addresses that are let through besides: those of servers that a test starts.
  private let besides: Set<InternetAddress>

  /// For the check that attempts can tell: every address on loopback, and no other.
  static let loopback = AddressRule(onLoopback: true)
  private let onLoopback: Bool

  init(besides: Set<InternetAddress> = [], onLoopback: Bool = false) {
    self.besides = besides
    self.onLoopback = onLoopback
  }

  func permits(_ address: InternetAddress) -> Bool {
    if onLoopback { return AddressBlock("127.0.0.0/8").contains(address) }
    if besides.contains(address) { return true }
    return Self.isPublic(address) && !Self.isNear(address)
  }

  static func isPublic(_ address: InternetAddress) -> Bool {
    guard address.bytes.count == 16 else { return !refusedFour.contains { $0.contains(address) } }
    guard handedOut.contains(address), !refusedSix.contains(where: { $0.contains(address) }) else {
      return false
    }
    // ISATAP, a tunnel within a site, is told by the lower half.
    let marks: [[UInt8]] = [[0, 0, 0x5e, 0xfe], [2, 0, 0x5e, 0xfe]]
    return !marks.contains(Array(address.bytes[8..<12]))
  }

  /// Whether this machine itself has it, or what is on one of its networks: what those serve there is not the internet either, whatever
  /// addresses they have. Where that cannot be told, it is taken to be so.
  private static func isNear(_ address: InternetAddress) -> Bool {
    guard let devices = try? System.enumerateDevices() else { return true }
    return devices.contains { device in
      guard let own = device.address.flatMap(InternetAddress.init) else { return false }
      return own == address
        || own.isNeighbour(of: address, under: device.netmask.flatMap(InternetAddress.init))
    }
  }
}
