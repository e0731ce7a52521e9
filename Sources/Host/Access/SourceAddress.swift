import NIOCore
import Relay

/// Where a connection comes from: an IP address, without its port.
///
/// An IPv4 address that arrives inside an IPv6 one is read as the IPv4 address that it is. One that a relay reports is
/// never the same as one that a connection has, whatever it is: limits count them apart, so that a relay that lies
/// takes nothing away from those who come by themselves.
struct SourceAddress: Hashable, Sendable, CustomStringConvertible {
  private let address: NetworkAddress
  /// Whether a relay says so, and nothing else does.
  private(set) var isReported = false

  private init(_ address: NetworkAddress, isReported: Bool = false) {
    (self.address, self.isReported) = (address, isReported)
  }

  init?(bytes: some Collection<UInt8>) {
    guard let address = NetworkAddress(bytes: bytes) else { return nil }
    self.init(address)
  }

  /// The address of a socket's far side, where it is an internet address.
  init?(_ address: NIOCore.SocketAddress?) {
    guard let address = NetworkAddress(address) else { return nil }
    self.init(address)
  }

  /// 4 or 16 bytes, the most significant first.
  var bytes: [UInt8] { address.bytes }

  /// Whether this machine is the only one that can have sent from this address: 127.0.0.0/8 and ::1.
  var isLoopback: Bool {
    if isReported { return false }
    return bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
  }

  /// What limits count by: the address itself for IPv4, its /64 for IPv6, within which one machine can take
  /// any address it likes, and one for all loopback addresses, of which any user of this machine can take any.
  var network: SourceAddress {
    if isLoopback { return .loopback }
    return SourceAddress(address.network, isReported: isReported)
  }

  /// What stands for this machine.
  private static let loopback = SourceAddress(.loopback)

  /// Dotted decimal, or hexadecimal groups without shortening; told apart where a relay reports it.
  var description: String {
    guard isReported else { return address.description }
    return self == .unreported ? "somewhere (relay)" : "\(address) (relay)"
  }
}

extension SourceAddress {
  /// An address written as in a URL: IPv6 in brackets.
  init?(literal text: some StringProtocol) {
    let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
    self.init(try? NIOCore.SocketAddress(ipAddress: String(bare), port: 0))
  }
}

extension SourceAddress {
  /// What a relay says that a request came from. All that it says nothing readable of are as one.
  init(reported text: String?) {
    self = text.flatMap { SourceAddress(literal: $0.trimmingPrefix(" ")) } ?? .unreported
    isReported = true
  }

  private static let unreported = SourceAddress(.unspecified, isReported: true)
}
