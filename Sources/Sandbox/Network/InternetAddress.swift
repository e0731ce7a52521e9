import Glibc
import NIOCore

/// An IP address.
struct InternetAddress: Hashable, Sendable, CustomStringConvertible {
  /// 4 or 16 bytes, the most significant first.
  let bytes: [UInt8]

  /// - Parameter bytes: 4 or 16.
  init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.bytes = Array(bytes)
  }

  /// An address in its ordinary spelling.
  init?(_ text: String) {
    guard let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
    self.init(address)
  }

  init?(_ address: SocketAddress) {
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

  /// Whether both are on the network of a mask. One of no bits is of no network, but of a tunnel to all of them.
  func isNeighbour(of other: InternetAddress, under mask: InternetAddress?) -> Bool {
    guard let mask, mask.bytes.count == bytes.count, other.bytes.count == bytes.count,
      mask.bytes.contains(where: { $0 != 0 })
    else { return false }
    return zip(zip(bytes, other.bytes), mask.bytes).allSatisfy { ($0.0 ^ $0.1) & $1 == 0 }
  }

  /// The place to connect to.
  func socketAddress(port: UInt16) throws -> SocketAddress {
    try SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: Int(port))
  }

  var description: String {
    var text = [CChar](repeating: 0, count: 64)
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Addresses with the same beginning.
struct AddressBlock: Sendable {
  private let first: InternetAddress
  private let bits: Int

  /// Reads `address/bits`.
  init(_ text: StaticString) {
    let parts = "\(text)".split(separator: "/")
    guard parts.count == 2, let first = InternetAddress(String(parts[0])), let bits = Int(parts[1]) else {
      preconditionFailure("'\(text)' is no block of addresses")
    }
    self.first = first
    self.bits = bits
  }

  func contains(_ address: InternetAddress) -> Bool {
    guard address.bytes.count == first.bytes.count else { return false }
    let whole = bits / 8
    guard address.bytes.prefix(whole) == first.bytes.prefix(whole) else { return false }
    let rest = bits % 8
    return rest == 0 || (address.bytes[whole] ^ first.bytes[whole]) >> (8 - rest) == 0
  }
}
