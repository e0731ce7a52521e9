import TestSupport
import Testing

@testable import Relay

/// The arithmetic of windows, with frames that take their time, are lost, come twice or out of order.
@Suite("Windows of streams")
struct StreamWindowTests {
  /// A host, a relay and a caller, and what is under way between them.
  private struct Wire {
    let keeping: Int
    var host: SendWindow
    var relay: ReceiveWindow
    var pieces: [Int] = []
    var words: [Int64] = []
    var wordCount = 0
    /// Pieces that the caller has not taken, and what they cost.
    var unread: [Int] = []
    var kept = 0

    init(keeping: Int) {
      self.keeping = keeping
      relay = ReceiveWindow(size: StreamWindow.size(keeping: keeping))
      host = SendWindow(relay.told)
    }

    mutating func send(_ bytes: Int) {
      guard host.isOpen else { return }
      host.spend(bytes)
      pieces.append(bytes)
    }

    mutating func deliverPiece() {
      guard !pieces.isEmpty else { return }
      let cost = StreamWindow.cost(ofPiece: pieces.removeFirst())
      relay.receive(cost)
      unread.append(cost)
      kept += cost
    }

    mutating func read() {
      guard !unread.isEmpty else { return }
      let cost = unread.removeFirst()
      kept -= cost
      guard let end = relay.take(cost) else { return }
      words.append(end)
      wordCount += 1
    }
  }

  private static let sizes = [
    1, 100, StreamCutter.pieceBytes, StreamWindow.cost(ofPiece: StreamCutter.pieceBytes), 20_000, 33_000,
    100_000, 1 << 20, 4 << 20, 1_000_000_000,
  ]

  @Test(
    "a relay never keeps more than it has room for, and whoever reads everything gets everything",
    arguments: sizes, Rounds.seeds())
  func holds(keeping: Int, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var wire = Wire(keeping: keeping)
    // With room for less than one piece, one piece is what there is.
    let room = max(keeping, StreamWindow.cost(ofPiece: StreamCutter.pieceBytes))
    let bytes = { (generator: inout SeededGenerator) in
      Bool.random(using: &generator)
        ? Int.random(in: 1...32, using: &generator)
        : Int.random(in: 1...StreamCutter.pieceBytes, using: &generator)
    }
    for _ in 0..<4000 {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: wire.send(bytes(&generator))
      case 1: wire.deliverPiece()
      case 2: wire.read()
      default: if !wire.words.isEmpty { wire.host.widen(to: wire.words.removeFirst()) }
      }
      guard wire.host.sent - wire.relay.taken <= room, wire.kept <= room else {
        Issue.record("\(wire.kept) kept, \(wire.host.sent - wire.relay.taken) under way")
        return
      }
    }
    // Nothing stops for good: what is under way arrives, and then the host may send.
    while !wire.pieces.isEmpty { wire.deliverPiece() }
    while !wire.unread.isEmpty { wire.read() }
    for word in wire.words { wire.host.widen(to: word) }
    #expect(wire.host.isOpen && !wire.relay.isUsedUp)
    #expect(wire.relay.received == wire.host.sent && wire.relay.taken == wire.host.sent)
    // And a word is not said for every piece.
    let size = StreamWindow.size(keeping: keeping)
    #expect(wire.wordCount <= Int(wire.host.sent) / max(1, size / 4) + 1)
  }

  @Test(
    "words about a window that are lost, late, repeated or out of order open it no further, and the next one makes good",
    arguments: Rounds.seeds())
  func unruly(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var wire = Wire(keeping: 100_000)
    var late: [Int64] = []
    for _ in 0..<4000 {
      switch Int.random(in: 0..<8, using: &generator) {
      case 0, 1: wire.send(Int.random(in: 1...StreamCutter.pieceBytes, using: &generator))
      case 2, 3: wire.deliverPiece()
      case 4: wire.read()
      case 5: if !wire.words.isEmpty { late.append(wire.words.removeFirst()) }
      case 6: if let word = late.randomElement(using: &generator) { wire.host.widen(to: word) }
      default: if !late.isEmpty { late.removeFirst() }
      }
      guard wire.host.sent - wire.relay.taken <= 100_000, wire.host.end <= wire.relay.told else {
        Issue.record("\(wire.host.sent - wire.relay.taken) under way, \(wire.host.end) open")
        return
      }
    }
    wire.host.widen(to: wire.relay.told)
    while !wire.pieces.isEmpty { wire.deliverPiece() }
    while !wire.unread.isEmpty { wire.read() }
    if let word = wire.words.last { wire.host.widen(to: word) }
    #expect(wire.host.isOpen)
  }

  @Test("the widest window is one that is never used up, and a narrower one takes nothing back")
  func extremes() {
    var window = SendWindow(.max)
    for _ in 0..<1000 { window.spend(1 << 30) }
    #expect(window.isOpen)
    window.widen(to: 0)
    #expect(window.isOpen && window.end == .max)
    var closed = SendWindow(0)
    #expect(!closed.isOpen)
    closed.widen(to: 1)
    #expect(closed.isOpen)
    closed.spend(0)
    #expect(closed.isOpen)
    closed.spend(1)
    #expect(!closed.isOpen && closed.sent == 513)
  }

  @Test("where there is room, a window is 1 MiB; else what leaves room for the piece that goes beyond it")
  func size() {
    let piece = StreamWindow.cost(ofPiece: StreamCutter.pieceBytes)
    #expect(RelayLimits().streamWindow == 1 << 20)
    #expect(StreamWindow.size(keeping: 100_000) == 100_000 - piece)
    #expect(StreamWindow.size(keeping: 1) == 1)
  }
}
