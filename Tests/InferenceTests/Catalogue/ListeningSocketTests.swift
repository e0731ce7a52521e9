import Glibc
import Testing

@testable import Inference

@Suite("Who listens on a port")
struct ListeningSocketTests {
  private let table = """
      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
       0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1 1 0 100 0 0 10 0
       1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 2 1 0 100 0 0 10 0
       2: 0100007F:04D2 0100007F:9999 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0 100 0 0 10 0
       3: 0200007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 4 1 0 100 0 0 10 0
    """

  @Test(
    "the kernel's table says whose a listener is",
    arguments: [(11434, [1001]), (8080, [998]), (1234, []), (8000, []), (1, [])] as [(UInt16, Set<UInt32>)])
  func reads(_ port: UInt16, _ owners: Set<UInt32>) {
    #expect(ListeningSocket.owners(of: port, in: table) == owners)
  }

  @Test("a listener is found among many others")
  func findsAmongMany() throws {
    var sockets: [(descriptor: CInt, port: UInt16)] = []
    defer { for socket in sockets { close(socket.descriptor) } }
    for _ in 0..<100 { sockets.append(try #require(Self.listener())) }
    #expect(sockets.allSatisfy { ListeningSocket.isOwnOrSystem(port: $0.port) })
  }

  /// A socket that listens on a loopback port of the kernel's choice.
  private static func listener() -> (CInt, UInt16)? {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 1) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    return isListening ? (descriptor, UInt16(bigEndian: address.sin_port)) : nil
  }

  @Test("one's own servers and the system's may be asked, another person's may not")
  func trusts() {
    #expect(ListeningSocket.mayBeTrusted(1000, by: 1000))
    #expect(ListeningSocket.mayBeTrusted(998, by: 1000))
    #expect(!ListeningSocket.mayBeTrusted(1001, by: 1000))
    #expect(!ListeningSocket.mayBeTrusted(1000, by: 0))
  }
}
