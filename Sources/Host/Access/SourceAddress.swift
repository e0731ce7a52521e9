import NIOCore

/// Where a connection comes from: an IP address, without its port.
///
/// An IPv4 address that arrives inside an IPv6 one is read as the IPv4 address that it is.
struct SourceAddress: Hashable, Sendable, CustomStringConvertible {
  /// 4 or 16 bytes, the most significant first.
  let bytes: [UInt8]

  init?(bytes: some Collection<UInt8>) {
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
    switch bytes.count {
    case 4: self.bytes = Array(bytes)
    case 16 where bytes.starts(with: mapped): self.bytes = Array(bytes.suffix(4))
    case 16: self.bytes = Array(bytes)
    default: return nil
    }
  }

  /// The address of a socket's far side, where it is an internet address.
  init?(_ address: NIOCore.SocketAddress?) {
    guard let address else { return nil }
    // `sockaddr_in` holds its address at byte 4, `sockaddr_in6` at byte 8.
    let range: Range<Int>
    switch address {
    case .v4: range = 4..<8
    case .v6: range = 8..<24
    case .unixDomainSocket: return nil
    }
    self.init(
      bytes: address.withSockAddr { pointer, size in
        Array(UnsafeRawBufferPointer(start: pointer, count: size)[range])
      })
  }

  /// Whether this machine is the only one that can have sent from this address: 127.0.0.0/8 and ::1.
  var isLoopback: Bool {
    bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
  }

  /// What limits count by: the address itself for IPv4, its /64 for IPv6, within which one machine can take
  /// any address it likes, and one for all loopback addresses, of which any user of this machine can take any.
  var network: SourceAddress {
    if isLoopback { return .loopback }
    return bytes.count == 4 ? self : SourceAddress(counted: bytes.prefix(8) + [UInt8](repeating: 0, count: 8))
  }

  /// What stands for this machine.
  private static let loopback = SourceAddress(counted: [127, 0, 0, 1])

  private init(counted bytes: [UInt8]) { self.bytes = bytes }

  /// Dotted decimal, or hexadecimal groups without shortening.
  var description: String {
    guard bytes.count == 16 else { return bytes.map(String.init).joined(separator: ".") }
    return stride(from: 0, to: 16, by: 2).map { index in
      String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
    }.joined(separator: ":")
  }
}

extension SourceAddress {
  /// An address written as in a URL: IPv6 in brackets.
  init?(literal text: some StringProtocol) {
    let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
    self.init(try? NIOCore.SocketAddress(ipAddress: String(bare), port: 0))
  }
}
