import NIOCore

/// Where a connection comes from: an IP address, without its port.
///
/// An IPv4 address that arrives inside an IPv6 one is read as the IPv4 address that it is. One that a relay reports is
/// never the same as one that a connection has, whatever it is: limits count them apart, so that a relay that lies
/// takes nothing away from those who come by themselves.
struct SourceAddress: Hashable, Sendable, CustomStringConvertible {
  /// 4 or 16 bytes, the most significant first.
  let bytes: [UInt8]
  /// Whether a relay says so, and nothing else does.
  private(set) var isReported = false

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
    if isReported { return false }
    return bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
  }

  /// What limits count by: the address itself for IPv4, its /64 for IPv6, within which one machine can take
  /// any address it likes, and one for all loopback addresses, of which any user of this machine can take any.
  var network: SourceAddress {
    if isLoopback { return .loopback }
    if bytes.count == 4 { return self }
    var network = SourceAddress(counted: bytes.prefix(8) + [UInt8](repeating: 0, count: 8))
    network.isReported = isReported
    return network
  }

  /// What stands for this machine.
  private static let loopback = SourceAddress(counted: [127, 0, 0, 1])

  private init(counted bytes: [UInt8]) { self.bytes = bytes }

  /// Dotted decimal, or hexadecimal groups without shortening; told apart where a relay reports it.
  var description: String {
    guard isReported else { return literal }
    return self == .unreported ? "somewhere (relay)" : "\(literal) (relay)"
  }

  private var literal: String {
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

extension SourceAddress {
  /// What a relay says that a request came from. All that it says nothing readable of are as one.
  init(reported text: String?) {
    self = text.flatMap { SourceAddress(literal: $0.trimmingPrefix(" ")) } ?? .unreported
    isReported = true
  }

  private static let unreported: SourceAddress = {
    var address = SourceAddress(counted: [UInt8](repeating: 0, count: 16))
    address.isReported = true
    return address
  }()
}
