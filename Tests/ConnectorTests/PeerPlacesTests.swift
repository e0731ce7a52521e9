import Foundation
import Identity
import SecureChannel
import Synchronization
import Testing

@testable import Connector

/// A peer that may be on this network, or behind a relay.
@Suite("Peers at two places", .timeLimit(.minutes(10)))
struct PeerPlacesTests {
  /// A place at which nobody listens.
  private let nowhere = "http://127.0.0.1:1"

  @Test("the first place is taken while the peer is there, and the other one is not asked")
  func first() async throws {
    try await TestPeer.run { away, _ in
      try await TestPeer.run { here, http in
        let peer = try Peer(
          name: "a", url: here.url(), relayURL: away.url(), address: here.agent.address)
        let client = PeerClient(peer: peer, key: try here.key(), client: http)
        #expect(try await client.send("GET", "/models", body: nil).status == 200)
        #expect(await client.base == here.url())
        #expect(here.requests.count == 1)
        #expect(away.posts.isEmpty)
      }
    }
  }

  @Test("where nobody answers at the first place, the other one is taken, without a call being sent twice")
  func second() async throws {
    try await TestPeer.run { peer, http in
      let client = try peer.client(http, before: nowhere)
      #expect(try await client.send("GET", "/models", body: nil).status == 200)
      #expect(await client.base == peer.url())
      #expect(peer.requests.count == 1)
    }
  }

  @Test("somebody else at the first place gets neither key nor call, and the peer is asked at the other one")
  func stranger() async throws {
    try await TestPeer.run { stranger, _ in
      try await TestPeer.run { peer, http in
        let client = try peer.client(http, before: stranger.url())
        #expect(try await client.send("GET", "/models", body: nil).status == 200)
        #expect(stranger.posts == ["/secure/session"])
        #expect(stranger.wire.firstRange(of: Array(peer.keyText.utf8)) == nil)
        // Where the peer is nowhere, it is told that somebody else is.
        let lost = PeerClient(
          peer: try Peer(
            name: "a", url: stranger.url(), relayURL: nowhere, address: peer.agent.address),
          key: try peer.key(), client: http)
        let error = await #expect(throws: ConnectorError.self) { try await lost.handshake() }
        guard case .wrongSigner = error else {
          Issue.record("\(String(describing: error))")
          return
        }
      }
    }
  }

  @Test("a place that is silent is waited for a moment and not longer")
  func silent() async throws {
    let gate = Gate()
    try await TestPeer.onHandshake { _ in
      await gate.pass()
      return .cut
    }.run { silent, _ in
      try await TestPeer.run { peer, http in
        var limits = PeerLimits()
        limits.handshakeBeforeNext = .milliseconds(50)
        let client = try peer.client(http, limits: limits, before: silent.url())
        #expect(try await client.send("GET", "/models", body: nil).status == 200)
        gate.open()
      }
    }
  }

  @Test("through a relay, a call is not sent again because somebody says that the session is unknown")
  func forgedRefusal() async throws {
    let text = Array(#"{"error":{"code":"secure_session_unknown","message":"Unknown"}}"#.utf8)
    try await TestPeer.onCall { _ in .plain(status: 401, body: text) }.run { peer, http in
      let client = try peer.client(http, before: nowhere)
      let error = await #expect(throws: ConnectorError.self) {
        try await client.send("POST", "/run", body: [1])
      }
      #expect(error?.mayHaveRun == true && error?.description.contains("may have run") == true)
      #expect(peer.requests.count == 1)
      // What changes nothing is asked again, once.
      await #expect(throws: ConnectorError.self) { try await client.send("GET", "/models", body: nil) }
      #expect(peer.requests.count == 3)
    }
  }

  @Test("behind a relay, a peer that forgot the session is found again by the next call")
  func forgottenBehindRelay() async throws {
    try await TestPeer.run { peer, http in
      let client = try peer.client(http, before: nowhere)
      _ = try await client.send("POST", "/first", body: [1])
      peer.forgetSessions()
      await #expect(throws: ConnectorError.self) { try await client.send("POST", "/second", body: [2]) }
      #expect(try await client.send("POST", "/third", body: [3]).body == [3])
      #expect(peer.requests.map(\.path) == ["/first", "/third"])
    }
  }

  @Test(
    "a call that broke after it was sent is not sent again anywhere; the next one looks for the peer anew")
  func noRepetition() async throws {
    let calls = Mutex(0)
    try await TestPeer.onCall { _ in
      calls.withLock { $0 += 1 }
      return .cut
    }.run { here, _ in
      try await TestPeer.run { away, http in
        let peer = try Peer(name: "a", url: here.url(), relayURL: away.url(), address: here.agent.address)
        let client = PeerClient(peer: peer, key: try here.key(), client: http)
        await #expect(throws: ConnectorError.lost) { try await client.send("GET", "/models", body: nil) }
        #expect(calls.withLock { $0 } == 1)
        #expect(away.posts.isEmpty)
        #expect(await client.base == nil)
      }
    }
  }

  @Test("after a while at the other place the first one is tried again")
  func homecoming() async throws {
    let clock = Mutex<Int64>(Int64(Date().timeIntervalSince1970))
    try await TestPeer.run { peer, http in
      let client = try peer.client(http, before: nowhere, now: { clock.withLock { $0 } })
      _ = try await client.send("GET", "/models", body: nil)
      _ = try await client.send("GET", "/models", body: nil)
      #expect(peer.handshakes == 1)
      clock.withLock { $0 += PeerLimits().detour }
      _ = try await client.send("GET", "/models", body: nil)
      #expect(peer.handshakes == 2)
    }
  }

  @Test("both places are kept in the book, and can be changed there")
  func book() throws {
    let address = try #require(Address(ignoringChecksum: "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"))
    let url = "https://\(address.lowercased).relay.example"
    let peer = try Peer(name: "a", url: "http://tower:1337", relayURL: url, address: address)
    let copy = try JSONDecoder().decode(Peer.self, from: try JSONEncoder().encode(peer))
    #expect(copy.relayURL?.absoluteString == url)
    #expect(copy.bases == ["http://tower:1337", url])
    #expect(try Peer(name: "a", url: url, relayURL: url, address: address).bases == [url])
    let moved = try peer.moved(to: "http://attic:1337", relayURL: nil)
    #expect(moved.bases == ["http://attic:1337"] && moved.addedAt == peer.addedAt)
    #expect(Peer.isRelayed(url, to: address))
    #expect(Peer.isRelayed("https://relay.example/a/\(address.checksummed)", to: address))
    for other in [
      "http://tower:1337", "https://relay.example/\(address.lowercased)", "",
      "https://x\(address.lowercased).example",
    ] {
      #expect(!Peer.isRelayed(other, to: address), "\(other)")
    }
    #expect(throws: ConnectorError.self) {
      try Peer(name: "a", url: "http://tower", relayURL: "ftp://x", address: address)
    }
  }
}
