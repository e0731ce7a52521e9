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

  @Test("one's own servers and the system's may be asked, another person's may not")
  func trusts() {
    #expect(ListeningSocket.mayBeTrusted(1000, by: 1000))
    #expect(ListeningSocket.mayBeTrusted(998, by: 1000))
    #expect(!ListeningSocket.mayBeTrusted(1001, by: 1000))
    #expect(!ListeningSocket.mayBeTrusted(1000, by: 0))
  }
}
