public import NIOCore

/// An IP address. An IPv4 address that comes inside an IPv6 one is read as the IPv4 address that it is.
public struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
  /// 4 or 16 bytes, the most significant first.
  public let bytes: [UInt8]

  public init?(bytes: some Collection<UInt8>) {
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    switch bytes.count {
    case 4: self.bytes = Array(bytes)
    case 16 where bytes.starts(with: mapped): self.bytes = Array(bytes.suffix(4))
    case 16: self.bytes = Array(bytes)
    default: return nil
    }
  }

  /// The address of a socket's far side, where it is an internet address.
  public init?(_ address: SocketAddress?) {
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

  /// An address as it is written, an IPv6 one with or without brackets.
  public init?(_ text: some StringProtocol) {
    let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
    guard bare.utf8.count <= 64, !bare.contains("%") else { return nil }
    self.init(try? SocketAddress(ipAddress: String(bare), port: 0))
  }

  /// What limits count by: the address itself for IPv4, its /64 for IPv6, within which one machine can take any address
  /// it likes.
  public var network: NetworkAddress {
    guard bytes.count == 16 else { return self }
    return NetworkAddress(counted: bytes.prefix(8) + [UInt8](repeating: 0, count: 8))
  }

  /// 127.0.0.1.
  public static let loopback = NetworkAddress(counted: [127, 0, 0, 1])
  /// `::`, which no machine has.
  public static let unspecified = NetworkAddress(counted: [UInt8](repeating: 0, count: 16))

  private init(counted bytes: [UInt8]) { self.bytes = bytes }

  /// Dotted decimal, or hexadecimal groups without shortening.
  public var description: String {
    guard bytes.count == 16 else { return bytes.map(String.init).joined(separator: ".") }
    return stride(from: 0, to: 16, by: 2).map { index in
      String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
    }.joined(separator: ":")
  }
}
