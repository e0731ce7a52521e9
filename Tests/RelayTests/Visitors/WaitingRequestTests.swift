import Identity
import NIOCore
import Testing

@testable import Relay

/// What requests cost that wait for a host which does not read.
@Suite("Requests that wait for their host")
struct WaitingRequestTests {
  private static let key = TestKey.make(1)

  private static func post(_ relay: VirtualRelay, _ count: Int) throws -> VirtualConnection {
    let caller = try relay.connect(from: "198.51.100.1")
    caller.send(
      "POST / HTTP/1.1\r\nhost: \(RelayLab.name(of: key.address))\r\ncontent-length: \(count)\r\n\r\n"
        + String(repeating: "\"", count: count))
    return caller
  }

  @Test(
    "they count as what they are on the wire, at the cost of who asks, until the host has them or is gone",
    arguments: [true, false])
  func counted(hostReads: Bool) throws {
    let relay = VirtualRelay(
      RelayLab.settings { settings in
        settings.limits.heldBytesPerSource = 1_100_000
        settings.limits.writeTimeout = .seconds(3600)
        settings.limits.answerTimeout = .seconds(3600)
      })
    let host = try relay.tunnel([Self.key], features: [.cancel])
    _ = try host.frames()
    host.connection.isReading = false
    let caller = try Self.post(relay, 200_000)
    // Each quote is two bytes there.
    #expect((400_000...410_000).contains(relay.board.budget.used))
    // Whoever leaves has cost that nevertheless, for it waits.
    caller.close()
    #expect((400_000...410_000).contains(relay.board.budget.used))
    let second = try Self.post(relay, 200_000)
    let third = try Self.post(relay, 200_000)
    #expect(String(buffer: third.read()).contains("relay_overloaded"))
    #expect(String(buffer: second.read()).isEmpty)
    if hostReads {
      host.connection.isReading = true
      #expect(try host.frames().count { if case .request = $0 { true } else { false } } == 2)
    } else {
      host.connection.close()
      #expect(String(buffer: second.read()).contains("tunnel_closed"))
    }
    #expect(relay.board.budget.used == 0)
  }

  @Test("no more wait for one host than that may have waiting, as they are on the wire")
  func bounded() throws {
    let relay = VirtualRelay(RelayLab.settings { $0.limits.tunnelBytes = 300_000 })
    let host = try relay.tunnel([Self.key], features: [])
    _ = try host.frames()
    let refused = try Self.post(relay, 200_000)
    #expect(String(buffer: refused.read()).contains("tunnel_busy"))
    let taken = try Self.post(relay, 100_000)
    #expect(String(buffer: taken.read()).isEmpty)
    guard case .request(let request)? = try host.frames().first else { throw VirtualTunnel.NoTunnel() }
    #expect(request.body.readableBytes == 100_000)
  }
}
