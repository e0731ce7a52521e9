import Foundation
import SecureChannel
import Testing

@testable import Connector

@Suite("A peer for whom what is sealed is padded", .timeLimit(.minutes(10)))
struct PaddedPeerTests {
  @Test("is asked inside the channel, once a session, whether it pads; then everything is")
  func agreed() async throws {
    var manner = TestPeer.onCall { request in
      request.path == "/stream" ? .stream(["one", "two"], .fin) : .honest
    }
    manner.offersPadding = true
    try await manner.run { peer, http in
      let client = try peer.client(http, isPadded: true)
      // With the key, a question of these lengths has between 512 and 1023 bytes.
      for text in [100, 150, 200].map({ String(repeating: "b", count: $0) }) {
        let answer = try await client.send("POST", "/x", body: Array(text.utf8))
        #expect(answer.body == Array(text.utf8))
      }
      var pieces: [String] = []
      for try await piece in try await client.stream("POST", "/stream", body: Array(repeating: 0, count: 120))
      {
        pieces.append(String(decoding: piece, as: UTF8.self))
      }
      #expect(pieces == ["one", "two"])
      #expect(peer.requests.map(\.path) == ["/health", "/x", "/x", "/x", "/stream"])
      #expect(peer.requests.first?.authorization == nil)
      #expect(peer.requests.dropFirst().allSatisfy { $0.headers == nil })
      #expect(Set(peer.callSizes.dropFirst()).count == 1)
      peer.forgetSessions()
      _ = try await client.send("POST", "/x", body: [])
      #expect(peer.requests.suffix(2).map(\.path) == ["/health", "/x"])
    }
  }

  @Test("is told nothing where it does not offer to pad")
  func older() async throws {
    try await TestPeer.run { peer, http in
      let client = try peer.client(http, isPadded: true)
      await #expect(throws: ConnectorError.noPadding) {
        try await client.send("POST", "/x", body: Array("secret".utf8))
      }
      #expect(peer.requests.map(\.path) == ["/health"])
    }
  }

  @Test("is believed inside the channel alone, and what else goes wrong is told")
  func offeredOutside() async throws {
    let offer = Array(#"{"padding":1,"status":200}"#.utf8)
    for reaction in [
      TestPeer.Reaction.plain(status: 200, headers: [("content-type", "application/json")], body: offer),
      .plain(status: 503), .whole(status: 200, contentType: "application/json", body: offer), .cut,
      .stream(["{\"padding\":1,\"status\":200}"], .fin),
    ] {
      try await TestPeer.onCall { _ in reaction }.run { peer, http in
        let client = try peer.client(http, isPadded: true)
        await #expect(throws: ConnectorError.self) { try await client.send("POST", "/x", body: []) }
        #expect(Set(peer.requests.map(\.path)) == ["/health"])
      }
    }
  }

  @Test("without that, no peer hears of padding")
  func off() async throws {
    var manner = TestPeer.Manner()
    manner.offersPadding = true
    try await manner.run { peer, http in
      let client = try peer.client(http)
      _ = try await client.send("POST", "/x", body: Array("a".utf8))
      _ = try await client.send("POST", "/x", body: Array("abcdef".utf8))
      #expect(peer.requests.map(\.path) == ["/x", "/x"])
      #expect(peer.requests.allSatisfy { $0.headers == nil })
      #expect(Set(peer.callSizes).count == 2)
    }
  }
}
