import Foundation
import Identity
import NIOCore
import Relay
import SecureChannel
import Synchronization
import TestSupport
import Testing

@testable import Host

/// A relay that does to what it carries whatever it can. Nothing wrong is ever accepted, nothing runs twice, and whoever
/// asked is always told that something is amiss.
@Suite("A relay that tampers", .timeLimit(.minutes(30)))
struct TamperingRelayTests {
  /// What a relay does to one exchange.
  enum Trick: CaseIterable {
    case flipRequest, truncateRequest, dropRequest, repeatRequest
    case flip, truncate, drop, repeatFrame, swap, delay, injectOther, injectNoise, endEarly, replaceHead,
      nothing
  }

  /// What came of a call, for whoever asked.
  private struct Outcome {
    var pieces: [String] = []
    /// Whether it ended as the host said that it ends.
    var isWhole = false
  }

  @Test("over many seeds, no wrong byte is accepted, no call runs twice, and no harm goes unnoticed")
  func seeds() async throws {
    for seed in Rounds.seeds(few: 150, many: 10_000).chunks(ofCount: 250) {
      // A session is young enough for each of its calls to be let through, whatever came before.
      let host = try TestHost(limits: Self.unlimited)
      let tunnel = MemoryTunnel(to: host.door, agent: host.agent.address)
      let session = try await tunnel.session()
      for seed in seed { try await round(seed, host, tunnel, session) }
    }
  }

  private static var unlimited: HostLimits {
    var limits = HostLimits()
    limits.handshakesPerMinute = nil
    return limits
  }

  private func round(
    _ seed: UInt64, _ host: TestHost, _ tunnel: MemoryTunnel, _ session: ClientSession
  ) async throws {
    var random = SeededGenerator(seed: seed)
    let isStream = Bool.random(using: &random)
    let trick = Trick.allCases.randomElement(using: &random) ?? .nothing
    let truth =
      isStream ? ["data: one\n\n", "data: two\n\n", "data: [DONE]\n\n"] : ["POST \(Self.run(host)) \(seed)"]
    let before = host.probes.requests.withLock { $0.count }
    let (call, opener) = session.seal(
      InnerRequest(
        method: "POST", path: isStream ? "/stream" : Self.run(host),
        authorization: "Bearer \(host.masterKey)", accept: isStream ? "text/event-stream" : nil,
        body: Array("\(seed)".utf8)))

    let sent = Self.tamper(call: call, trick, &random)
    var frames: [HostFrame] = []
    for body in sent {
      let answer = try await tunnel.frames(tunnel.request("POST", "/secure/call", body))
      // Whoever asked gets the answer to what was sent for them first, or last.
      frames = frames.isEmpty || Bool.random(using: &random) ? answer : frames
    }
    let other = try await Self.otherAnswer(tunnel, session, host)
    frames = Self.tamper(frames: frames, trick, other, &random)
    let outcome = Self.read(MemoryTunnel.answer(frames), isStream: isStream, opener)

    // What is accepted is the beginning of what was said, and the end is believed only where it is all of it.
    #expect(truth.joined().hasPrefix(outcome.pieces.joined()), "seed \(seed), \(trick)")
    #expect(!outcome.isWhole || outcome.pieces == truth, "seed \(seed), \(trick)")
    if trick == .nothing { #expect(outcome.isWhole, "seed \(seed)") }
    if [.flip, .truncate, .drop, .swap, .endEarly].contains(trick), !frames.isEmpty, !isStream {
      #expect(!outcome.isWhole || outcome.pieces == truth, "seed \(seed), \(trick)")
    }
    if !isStream {
      let ran = host.probes.requests.withLock { $0.count } - before - 1
      #expect(ran <= 1, "seed \(seed), \(trick): it ran \(ran) times")
    }
  }

  private static func run(_ host: TestHost) -> String { "/agents/\(host.agent.address.checksummed)/run" }

  /// The answer to another call of the same session.
  private static func otherAnswer(
    _ tunnel: MemoryTunnel, _ session: ClientSession, _ host: TestHost
  ) async throws -> [HostFrame] {
    let (call, _) = session.seal(
      InnerRequest(
        method: "POST", path: run(host), authorization: "Bearer \(host.masterKey)", body: Array("other".utf8))
    )
    return try await tunnel.frames(tunnel.request("POST", "/secure/call", call))
  }

  // MARK: Tricks

  private static func tamper(call: [UInt8], _ trick: Trick, _ random: inout SeededGenerator) -> [[UInt8]] {
    switch trick {
    case .flipRequest: [flipped(call, &random)]
    case .truncateRequest: [Array(call.prefix(Int.random(in: 0..<call.count, using: &random)))]
    case .dropRequest: []
    case .repeatRequest: Array(repeating: call, count: Int.random(in: 2...4, using: &random))
    default: [call]
    }
  }

  private static func flipped(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    guard !bytes.isEmpty else { return bytes }
    var bytes = bytes
    bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    return bytes
  }

  private static func tamper(
    frames: [HostFrame], _ trick: Trick, _ other: [HostFrame], _ random: inout SeededGenerator
  ) -> [HostFrame] {
    var frames = frames
    guard !frames.isEmpty else { return frames }
    let place = Int.random(in: 0..<frames.count, using: &random)
    let second = Int.random(in: 0..<frames.count, using: &random)
    switch trick {
    case .flip: frames[place] = frames[place].withBody { flipped($0, &random) }
    case .truncate:
      frames[place] = frames[place].withBody {
        Array($0.prefix(Int.random(in: 0...$0.count, using: &random)))
      }
    case .drop: frames.remove(at: place)
    case .repeatFrame: frames.insert(frames[place], at: second)
    case .swap: frames.swapAt(place, second)
    case .delay: frames.append(frames.remove(at: place))
    case .injectOther: frames.insert(contentsOf: other, at: place)
    case .injectNoise:
      let noise = (0..<40).map { _ in UInt8.random(in: 32...126, using: &random) }
      frames.insert(
        .streamChunk(RequestID("x")!, ByteBuffer(bytes: Array("data: ".utf8) + noise + Array("\n\n".utf8))),
        at: place)
    case .endEarly: frames = Array(frames.prefix(place)) + [.streamEnd(RequestID("x")!)]
    case .replaceHead:
      if case .streamStart = frames[0] {
        frames[0] = .streamStart(RelayAnswerHead(id: RequestID("x")!, status: 200))
      }
    case .flipRequest, .truncateRequest, .dropRequest, .repeatRequest, .nothing: break
    }
    return frames
  }

  // MARK: Whoever asked

  /// Reads an answer as the connector does: outside of the channel errors alone are believed.
  private static func read(
    _ answer: MemoryTunnel.Answer, isStream: Bool, _ opener: ResponseOpener
  ) -> Outcome {
    var (outcome, opener, decoder) = (Outcome(), opener, EventStreamDecoder())
    guard answer.status == 200 else { return outcome }
    if isStream {
      guard let events = try? decoder.feed(answer.body) else { return outcome }
      for event in events where !opener.isFinished {
        guard let piece = try? event.withUnsafeBytes({ try opener.open($0) }) else { return outcome }
        if !piece.isEmpty { outcome.pieces.append(String(decoding: piece, as: UTF8.self)) }
      }
      outcome.isWhole = opener.isFinished
    } else if let inner = try? answer.body.withUnsafeBytes({ try opener.openBuffered($0) }) {
      outcome.pieces = [String(decoding: inner.body ?? [], as: UTF8.self)]
      outcome.isWhole = inner.status == 200
    }
    return outcome
  }
}

extension HostFrame {
  /// The same with other bytes.
  fileprivate func withBody(_ change: ([UInt8]) -> [UInt8]) -> HostFrame {
    switch self {
    case .answer(let answer):
      .answer(
        RelayAnswer(
          id: answer.id, status: answer.status, headers: answer.headers,
          body: ByteBuffer(bytes: change(Array(answer.body.readableBytesView)))))
    case .streamChunk(let id, let piece):
      .streamChunk(id, ByteBuffer(bytes: change(Array(piece.readableBytesView))))
    default: self
    }
  }
}

extension Array {
  /// The same elements, so many at a time.
  fileprivate func chunks(ofCount count: Int) -> [ArraySlice<Element>] {
    stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min($0 + count, self.count)] }
  }
}
