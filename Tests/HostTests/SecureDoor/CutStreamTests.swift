import AsyncHTTPClient
import Foundation
import Identity
import SecretMemory
import Synchronization
import TestSupport
import Testing

@testable import Connector
@testable import Host
@testable import SecureChannel

/// The sealed stream of a real host, recorded, and given to the connector in every way in which it is not whole.
@Suite("A sealed stream that is not whole", .serialized, .timeLimit(.minutes(10)))
struct CutStreamTests {
  /// A stream as it was on the wire, and what opens it.
  private struct Recording: Sendable {
    let wire: [UInt8]
    let opener: ResponseOpener
    /// The plaintext of each frame.
    let pieces: [[UInt8]]

    var text: [UInt8] { pieces.flatMap(\.self) }

    /// The frames as they are on the wire.
    var frames: [[UInt8]] {
      var frames: [[UInt8]] = []
      var rest = wire[...]
      while let end = rest.firstRange(of: Array("\n\n".utf8)) {
        frames.append(Array(rest[..<end.upperBound]))
        rest = rest[end.upperBound...]
      }
      return frames
    }
  }

  /// What a connector is served, and how its connection ends.
  private final class Tape: Sendable {
    private let tape = Mutex<(bytes: [UInt8], isCut: Bool)>(([], false))
    var now: Interloper.Told {
      let (bytes, isCut) = tape.withLock { $0 }
      return .init(bytes, type: "text/event-stream", isCut: isCut)
    }
    func load(_ bytes: some Sequence<UInt8>, isCut: Bool = false) {
      tape.withLock { $0 = (Array(bytes), isCut) }
    }
  }

  private struct Player: Sendable {
    let tape: Tape
    let recording: Recording
    let post: PlainPost
    let url: String

    /// What the connector reads of a tape, and how it ends; nil for the end that the host authenticated.
    func play(_ bytes: some Sequence<UInt8>, isCut: Bool = false) async throws -> (
      text: [UInt8], error: ConnectorError?
    ) {
      tape.load(bytes, isCut: isCut)
      let response = try await post.send(
        url, "/secure/call", [], accept: "text/event-stream", within: .seconds(60))
      var text: [UInt8] = []
      do {
        for try await piece in PeerStream(
          FrameReader(response, opener: recording.opener, limits: PeerLimits()))
        {
          text += piece
        }
        return (text, nil)
      } catch {
        return (text, error as? ConnectorError ?? .lost)
      }
    }

    /// Plays something that is not whole: it must be told, and nothing may be read that the host did not say there.
    func expectRuin(
      _ bytes: some Sequence<UInt8>, isCut: Bool = false,
      told errors: Set<ConnectorError> = [.tampered, .streamTruncated],
      _ what: @autoclosure () -> String
    ) async throws {
      let (text, error) = try await play(bytes, isCut: isCut)
      #expect(error.map { errors.contains($0) } == true, "\(what()): \(error as Any)")
      #expect(recording.text.starts(with: text), "\(what())")
    }
  }

  private func record(_ body: @escaping @Sendable (Player) async throws -> Void) async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let key = try await host.key(for: "Ada").text
      let client = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      let question = #"{"model":"","messages":[{"role":"user","content":"say one two"}]}"#
      let (call, opener) = client.session.seal(
        InnerRequest(
          method: "POST", path: "/agents/\(ada.id)/run", authorization: "Bearer \(key)",
          accept: "text/event-stream", body: Array(question.utf8)))
      let answer = try await doors.tcp.ask(
        "POST", "/secure/call", call, headers: ["Accept: text/event-stream"])
      var (decoder, reader) = (EventStreamDecoder(), opener)
      let pieces = try decoder.feed(answer.body).map { event in
        try event.withUnsafeBytes { try reader.open($0) }
      }
      #expect(answer.isWhole && reader.isFinished && pieces.count > 3)
      let recording = Recording(wire: answer.body, opener: opener, pieces: pieces)
      #expect(String(decoding: recording.text, as: UTF8.self).contains("two"))
      let tape = Tape()
      let playing: Interloper.Manner = { _, _ in tape.now }
      try await Interloper.run(before: 1, playing) { _, port in
        let http = HTTPClient.forPeers()
        let player = Player(
          tape: tape, recording: recording, post: PlainPost(client: http), url: "http://127.0.0.1:\(port)")
        let result: Result<Void, any Error>
        do { result = .success(try await body(player)) } catch { result = .failure(error) }
        try await http.shutdown()
        try result.get()
      }
    }
  }

  @Test("cut at every byte, its end is told as missing, and nothing but its own beginning is read")
  func cut() async throws {
    try await record { player in
      let recording = player.recording
      let whole = try await player.play(recording.wire)
      #expect(whole.text == recording.text && whole.error == nil)
      var ends: [Int] = []
      for frame in recording.frames { ends.append((ends.last ?? 0) + frame.count) }
      #expect(ends.last == recording.wire.count)
      for length in recording.wire.indices {
        // As if that were all: the worst that somebody in between can do, who may end the body as HTTP does.
        let (text, error) = try await player.play(recording.wire[..<length])
        #expect(error == .streamTruncated, "at \(length)")
        #expect(text == recording.pieces.prefix(ends.count { $0 <= length }).flatMap(\.self), "at \(length)")
      }
      for length in stride(from: 0, to: recording.wire.count, by: Rounds.isLong ? 1 : 13) {
        try await player.expectRuin(
          recording.wire[..<length], isCut: true, told: [.streamTruncated], "the connection cut at \(length)")
      }
      // What comes after the end is no part of it.
      let more = try await player.play(recording.wire + Array("data: {}\n\n".utf8))
      #expect(more.text == recording.text && more.error == nil)
    }
  }

  @Test("with one bit turned in any byte it is told as tampered with, or as cut")
  func flipped() async throws {
    try await record { player in
      let wire = player.recording.wire
      for bit in Rounds.isLong ? Array(0..<8) : [0] {
        for index in wire.indices {
          var ruin = wire
          // Another bit of each byte in the short run, so that all of them get a turn.
          ruin[index] ^= 1 << UInt8(Rounds.isLong ? bit : index % 8)
          try await player.expectRuin(ruin, "bit of byte \(index)")
        }
      }
    }
  }

  @Test(
    "with a frame that is missing, comes twice, or in another's place, it is told as tampered with or as cut")
  func reordered() async throws {
    try await record { player in
      let frames = player.recording.frames
      for index in frames.indices {
        var missing = frames
        missing.remove(at: index)
        try await player.expectRuin(missing.joined(), "frame \(index) is missing")
        if index < frames.count - 1 {
          try await player.expectRuin(
            (frames[...index] + frames[index...]).joined(), told: [.tampered], "frame \(index) comes twice")
        }
        for other in frames.indices where other > index {
          var swapped = frames
          swapped.swapAt(index, other)
          try await player.expectRuin(
            swapped.joined(), told: [.tampered], "frames \(index) and \(other) are swapped")
        }
      }
      try await player.expectRuin([frames[frames.count - 1]].joined(), told: [.tampered], "the end alone")
    }
  }
}
