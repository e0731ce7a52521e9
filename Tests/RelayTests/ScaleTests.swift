import Identity
import NIOCore
import TestSupport
import Testing

@testable import Relay

/// Many hosts on one relay: a few by default, a thousand in the long mode.
@Suite("Many hosts", .timeLimit(.minutes(30)))
struct ScaleTests {
  @Test("every agent of every host is reached, and none by another's tunnel")
  func scale() async throws {
    let tunnels = Rounds.isLong ? 1000 : 20
    let agents = 10
    try await RelayLab.run { lab in
      var hosts: [TestHost] = []
      for tunnel in 0..<tunnels {
        let keys = (0..<agents).map { TestKey.make(UInt32(tunnel * agents + $0 + 1)) }
        hosts.append(try await TestHost.authenticated(lab, keys))
      }
      #expect(lab.board.directory.count == tunnels * agents)
      #expect(lab.board.statistics.snapshot().tunnels == tunnels)
      for tunnel in 0..<tunnels {
        let key = TestKey.make(UInt32(tunnel * agents + tunnel % agents + 1))
        async let answer = Caller.ask(lab, host: RelayLab.name(of: key.address))
        let request = try await hosts[tunnel].request()
        try #require(request.headers["x-agent-address"] == key.address.lowercased)
        try await hosts[tunnel].say(.answer(RelayAnswer(id: request.id, status: 200)))
        let status = try await answer.status
        try #require(status == 200)
      }
      for host in hosts { await host.close() }
      try await eventually {
        lab.board.directory.count == 0 && lab.board.connections.total == 0 && lab.board.tunnels.sources == 0
      }
    }
  }
}
