import Glibc
import NIOPosix

/// Finds the addresses of a name.
package protocol EgressResolver: Sendable {
  /// The addresses, each 4 or 16 bytes; none where there are none.
  func addresses(of name: String) async -> [[UInt8]]
}

/// This machine's own way to resolve names.
struct SystemResolver: EgressResolver {
  /// The call stands still until there is an answer, or for as long as nobody gives one. So it does that on threads which are there
  /// for nothing else, and there is one for each that all commands have at once.
  private static let threads: NIOThreadPool = {
    let threads = NIOThreadPool(numberOfThreads: CommandSessions.mostRunning * EgressLookups.mostAtOnce)
    threads.start()
    return threads
  }()

  func addresses(of name: String) async -> [[UInt8]] {
    (try? await Self.threads.runIfActive { Self.resolve(name) }) ?? []
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
