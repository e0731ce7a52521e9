import Glibc
import NIOPosix

/// Finds the addresses of a name.
package protocol EgressResolver: Sendable {
  /// The addresses, each 4 or 16 bytes; none where there are none.
  func addresses(of name: String) async -> [[UInt8]]
}

/// This machine's own way to resolve names.
struct SystemResolver: EgressResolver {
  func addresses(of name: String) async -> [[UInt8]] {
    // The call stands still until there is an answer, so it does that on a thread which is there for it.
    (try? await NIOThreadPool.singleton.runIfActive { Self.resolve(name) }) ?? []
  }

  private static func resolve(_ name: String) -> [[UInt8]] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
    defer { freeaddrinfo(first) }
    var addresses: [[UInt8]] = []
    var next = first
    while let entry = next?.pointee, addresses.count < 32 {
      let range: Range<Int>? =
        switch entry.ai_family {
        case AF_INET: 4..<8
        case AF_INET6: 8..<24
        default: nil
        }
      if let range {
        addresses.append(
          Array(UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen))[range]))
      }
      next = entry.ai_next
    }
    return addresses
  }
}
