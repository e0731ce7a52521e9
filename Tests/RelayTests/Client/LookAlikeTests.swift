import Foundation
import Identity
import NIOCore
import Synchronization
import Testing

@testable import Relay

/// Somebody who passes as a relay, to get proofs for the real one.
@Suite("A relay that is another's look-alike", .timeLimit(.minutes(5)))
struct LookAlikeTests {
  private static let key = TestKey.make(1)

  private struct Nobody: TunnelResponder {
    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {}
  }

  /// Why a host that dials this relay by the name `localhost` turns away from it.
  private func refusal(of relay: ScriptedRelay) async throws -> TunnelFault {
    let key = Self.key
    let client = TunnelClient(
      .init(relay: try RelayURL("ws://localhost:\(relay.port)")), clock: ContinuousClock(),
      unixTime: { Int64(Date().timeIntervalSince1970) }, chance: { 0 }, handler: Nobody(), key: { _ in key },
      check: { _, _ in nil })
    let running = Task { await client.run() }
    await client.expose([key.address])
    var found: TunnelFault?
    for await status in await client.changes() {
      guard case .waiting(let fault, _) = status.connection, case .refused = fault else { continue }
      found = fault
      break
    }
    running.cancel()
    await running.value
    return try #require(found)
  }

  private static let foreign = TunnelFault.refused(code: "the challenge is another relay's")

  @Test("a challenge that it fetched from the real relay is not signed")
  func fetched() async throws {
    try await RelayLab.run { lab in
      let heard = Mutex<[String]>([])
      try await ScriptedRelay.run { tunnel, _ in
        let real = try await TestHost.connect(lab)
        try await tunnel.say(.challenge(try #require(real.nonce), real.features))
        while let text = try await tunnel.text() { heard.withLock { $0.append(text) } }
        await real.close()
      } during: { relay in
        let refusal = try await refusal(of: relay)
        #expect(refusal == Self.foreign)
      }
      #expect(heard.withLock { $0 }.isEmpty)
      #expect(lab.board.statistics.snapshot().connected == 0)
    }
  }

  @Test("nor is one that no longer says whose it is, once the relay did")
  func stripped() async throws {
    let heard = Mutex<[String]>([])
    try await ScriptedRelay.run { tunnel, number in
      guard number > 1 else {
        try await tunnel.say(.challenge(.make(for: "localhost"), [.bound, .cancel]))
        let text = try await tunnel.text() ?? ""
        #expect(text.contains(#""type":"auth""#))
        return
      }
      try await tunnel.say(.challenge(.make(for: "relay.test"), [.cancel]))
      while let text = try await tunnel.text() { heard.withLock { $0.append(text) } }
    } during: { relay in
      let refusal = try await refusal(of: relay)
      #expect(refusal == Self.foreign)
    }
    #expect(heard.withLock { $0 }.isEmpty)
  }
}
