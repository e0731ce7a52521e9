import SecureChannel
import Testing

@testable import Connector

@Suite("Streams from a peer", .timeLimit(.minutes(10)))
struct PeerStreamTests {
  private static let pieces = ["one ", "two ", "three"]

  /// What arrives of a stream, and what it ends with.
  private func read(_ stream: PeerStream) async -> (text: String, error: ConnectorError?) {
    var bytes: [UInt8] = []
    do {
      for try await piece in stream { bytes += piece }
      return (String(decoding: bytes, as: UTF8.self), nil)
    } catch {
      return (String(decoding: bytes, as: UTF8.self), error as? ConnectorError ?? .lost)
    }
  }

  @Test("a stream arrives in order and ends with its authenticated end")
  func whole() async throws {
    try await TestPeer.onCall { _ in .stream(Self.pieces, .fin) }.run { peer, http in
      let client = try peer.client(http)
      for _ in 1...2 {
        let (text, error) = await read(try await client.stream("POST", "/run", body: nil))
        #expect(text == "one two three")
        #expect(error == nil)
      }
      #expect(peer.requests.allSatisfy { $0.accept == "text/event-stream" })
      #expect(peer.handshakes == 1)
    }
  }

  @Test(
    "a stream without its authenticated end delivers what arrived, then says so",
    arguments: [TestPeer.Ending.cut, .withoutFin])
  func truncated(ending: TestPeer.Ending) async throws {
    try await TestPeer.onCall { _ in .stream(Self.pieces, ending) }.run { peer, http in
      let (text, error) = await read(try await peer.client(http).stream("POST", "/run", body: nil))
      #expect(text == "one two three")
      #expect(error == .streamTruncated)
      #expect(peer.requests.count == 1)
    }
  }

  @Test("a reader who comes after the connection broke still gets what had arrived")
  func late() async throws {
    let pieces = (1...500).map { "piece \($0), " }
    try await TestPeer.onCall { _ in .stream(pieces, .cut) }.run { peer, http in
      let client = try peer.client(http)
      let stream = try await client.stream("POST", "/run", body: nil)
      for await _ in peer.departures { break }
      let (text, error) = await read(stream)
      #expect(text == pieces.joined())
      #expect(error == .streamTruncated)
    }
  }

  @Test("a reader who is slower than the peer gets everything")
  func slow() async throws {
    let piece = String(repeating: "x", count: 64 * 1024)
    try await TestPeer.onCall { _ in
      .stream(Array(repeating: piece, count: 64), .fin)
    }.run { peer, http in
      let stream = try await peer.client(http).stream("POST", "/run", body: nil)
      var count = 0
      for try await part in stream {
        count += part.count
        if count <= 16 * piece.count { for _ in 1...50 { await Task.yield() } }
      }
      #expect(count == 64 * piece.count)
    }
  }

  @Test("what follows the authenticated end is no part of the answer")
  func more() async throws {
    try await TestPeer.onCall { _ in .stream(Self.pieces, .finAndMore) }.run { peer, http in
      let (text, error) = await read(try await peer.client(http).stream("POST", "/run", body: nil))
      #expect(text == "one two three")
      #expect(error == nil)
    }
  }

  /// What can be done to the second frame, or to the third and last.
  enum Attack: CaseIterable, Sendable {
    case flipped, dropped, doubled, plain, notJSON, finClaimed, lastDropped, finStripped

    func mangle(_ index: Int, _ event: [UInt8]) -> [UInt8] {
      let text = String(decoding: event, as: UTF8.self)
      switch self {
      case .flipped where index == 1:
        // Behind `data: {"ct":"`: the first character of the ciphertext.
        return event.indices.map { $0 == 13 ? (event[13] == 0x41 ? 0x42 : 0x41) : event[$0] }
      case .dropped where index == 1, .lastDropped where index == 2: return []
      case .doubled where index == 1: return event + event
      case .plain where index == 1: return Array("data: two\n\n".utf8)
      case .notJSON where index == 1: return Array("data: {\"seq\":1,\"ct\":\n\n".utf8)
      case .finClaimed where index == 1:
        return Array(text.replacing(#","seq""#, with: #","fin":true,"seq""#).utf8)
      case .finStripped where index == 3: return Array(text.replacing(#""fin":true,"#, with: "").utf8)
      default: return event
      }
    }

    /// What arrives nevertheless.
    var text: String {
      switch self {
      case .doubled, .lastDropped: "one two "
      case .finStripped: "one two three"
      default: "one "
      }
    }
  }

  @Test("a frame that was tampered with is not delivered", arguments: Attack.allCases)
  func tampered(attack: Attack) async throws {
    try await TestPeer.onCall { _ in
      .stream(Self.pieces, .fin, mangle: { attack.mangle($0, $1) })
    }.run { peer, http in
      let (text, error) = await read(try await peer.client(http).stream("POST", "/run", body: nil))
      #expect(text == attack.text)
      #expect(error == .tampered)
    }
  }

  @Test(
    "an answer in one piece that somebody on the way calls a stream is not taken for one",
    arguments: [false, true])
  func wholeAsStream(isPadded: Bool) async throws {
    var manner = TestPeer.onCall { request in
      request.path == "/health" ? .honest : .wholeAsStream(status: 403, body: Array("{\"error\":1}".utf8))
    }
    manner.offersPadding = isPadded
    try await manner.run { peer, http in
      let client = try peer.client(http, isPadded: isPadded)
      let (text, error) = await read(try await client.stream("POST", "/run", body: nil))
      #expect(text == "" && error == .tampered)
      await #expect(throws: ConnectorError.tampered) { try await client.send("POST", "/run", body: nil) }
    }
  }

  @Test("frames of an earlier answer are not taken")
  func replayed() async throws {
    let recorded = Recorded()
    try await TestPeer.onCall { _ in
      .stream(Self.pieces, .fin, mangle: { recorded.firstAnswer(at: $0, $1) })
    }.run { peer, http in
      let client = try peer.client(http)
      #expect(await read(try await client.stream("POST", "/run", body: nil)).error == nil)
      let (text, error) = await read(try await client.stream("POST", "/run", body: nil))
      #expect(text == "")
      #expect(error == .tampered)
    }
  }

  @Test("an event that is larger than the limit is refused")
  func oversized() async throws {
    let big = String(repeating: "x", count: 1024 * 1024)
    try await TestPeer.onCall { _ in .stream(["one ", big], .fin) }.run { peer, http in
      var limits = PeerLimits()
      limits.eventBytes = 128 * 1024
      let client = try peer.client(http, limits: limits)
      let (text, error) = await read(try await client.stream("POST", "/run", body: nil))
      #expect(error == .answerTooLarge)
      #expect(text.count <= 4)
    }
  }

  @Test("a stream that falls silent is given up after what arrived")
  func silent() async throws {
    try await TestPeer.onCall { _ in .stream(Self.pieces, .whenClientLeaves) }.run { peer, http in
      var limits = PeerLimits()
      limits.silence = .milliseconds(200)
      let client = try peer.client(http, limits: limits)
      let (text, error) = await read(try await client.stream("POST", "/run", body: nil))
      #expect(text == "one two three")
      #expect(error == .silent(seconds: 0))
      for await _ in peer.departures { break }
    }
  }

  @Test("leaving the loop closes the connection")
  func left() async throws {
    try await TestPeer.onCall { _ in .stream(Self.pieces, .whenClientLeaves) }.run { peer, http in
      let stream = try await peer.client(http).stream("POST", "/run", body: nil)
      for try await piece in stream {
        #expect(piece == Array("one ".utf8))
        break
      }
      for await _ in peer.departures { break }
      withExtendedLifetime(stream) {}
    }
  }

  @Test("dropping a stream that nobody read closes the connection")
  func dropped() async throws {
    try await TestPeer.onCall { _ in .stream(Self.pieces, .whenClientLeaves) }.run { peer, http in
      let client = try peer.client(http)
      _ = try await client.stream("POST", "/run", body: nil)
      for await _ in peer.departures { break }
    }
  }

  @Test("cancelling the reader closes the connection and is told as that")
  func cancelled() async throws {
    try await TestPeer.onCall { _ in .stream(Self.pieces, .whenClientLeaves) }.run { peer, http in
      let client = try peer.client(http)
      let arrived = Gate()
      let reader = Task {
        for try await _ in try await client.stream("POST", "/run", body: nil) { arrived.open() }
      }
      await arrived.pass()
      reader.cancel()
      await #expect(throws: CancellationError.self) { try await reader.value }
      for await _ in peer.departures { break }
    }
  }
}
