import Connector
import Foundation
import Identity
import Relay
import Synchronization
import Testing

@testable import Host

/// Somebody far away who does not read on.
@Suite("A slow reader behind a relay", .serialized, .timeLimit(.minutes(10)))
struct SlowReaderTests {
  @Test(
    "who stops reading slows the model down and no other; neither host nor relay gathers what is not read, and the answer is whole in the end"
  )
  func slow() async throws {
    var limits = RelayLab.limits
    limits.writeTimeout = .seconds(900)
    try await RelayLab.run(limits: limits) { lab in
      let address = try #require(try await lab.host.agent("Ada").address)
      let key = try await lab.host.key(for: "Ada").text
      let url = try #require(try await lab.up()["Ada"])
      let path = "/agents/\(address.checksummed)/run"
      // 28 MiB. What the sockets on the way hold, the system decides; it is 20 MiB at most as a rule.
      let count = 896
      let size = ScriptedModelServer.pouredPiece.utf8.count
      @Sendable func poured() -> Int { lab.host.model.poured.withLock { $0[count] ?? 0 } }
      try await lab.withPeer(address, key: key, url: url) { client in
        let stream = try await client.stream("POST", path, body: RelayLab.chat("pour \(count)"))
        var pieces = stream.makeAsyncIterator()
        var length = try await pieces.next()?.count ?? 0
        try await lab.withPeer(address, key: key, url: url) { other in
          // Until the model waits, too: others are answered by the same tunnel meanwhile.
          var (before, number) = (-1, 0)
          while poured() == 0 || poured() != before {
            before = poured()
            for _ in 0..<10 {
              number += 1
              var said = ""
              for try await piece in try await other.stream(
                "POST", path, body: RelayLab.chat("say \(number)"))
              {
                said += String(decoding: piece, as: UTF8.self)
              }
              try #require(StreamedAnswer(said).text == "\(number) ")
            }
          }
        }
        #expect(poured() < count, "\(poured()) pieces were taken")
        while let piece = try await pieces.next() { length += piece.count }
        #expect(length > count * size && poured() == count)
      }
    }
  }
}
