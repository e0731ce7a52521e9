import NIOCore
import TestSupport
import Testing

@testable import Relay

/// How bodies are cut for a tunnel.
@Suite("Cutting streams")
struct StreamCutterTests {
  @Test("what ends with a line goes at once; the rest waits")
  func lines() {
    var cutter = StreamCutter()
    #expect(
      cutter.add(ByteBuffer(string: "data: a\n\ndata: b")).map { String(buffer: $0) } == ["data: a\n\n"])
    #expect(cutter.add(ByteBuffer(string: "\n")).map { String(buffer: $0) } == ["data: b\n"])
    #expect(cutter.add(ByteBuffer(string: "tail")).isEmpty)
    #expect(cutter.finish().map { String(buffer: $0) } == "tail")
    #expect(cutter.finish() == nil)
  }

  @Test("no piece is too long or ends inside a character, however the bytes come", arguments: Rounds.seeds())
  func characters(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let alphabet = ["a", "é", "漢", "🦕"]
    let text = (0..<40_000).map { _ in alphabet.randomElement(using: &generator)! }.joined()
    var bytes = ByteBuffer(string: text)
    var cutter = StreamCutter()
    var pieces: [ByteBuffer] = []
    while bytes.readableBytes > 0 {
      let count = min(bytes.readableBytes, Int.random(in: 1...40_000, using: &generator))
      pieces += cutter.add(bytes.readSlice(length: count)!)
    }
    if let last = cutter.finish() { pieces.append(last) }
    #expect(pieces.allSatisfy { $0.isUTF8 && $0.readableBytes <= StreamCutter.pieceBytes })
    #expect(pieces.map { String(buffer: $0) }.joined() == text)
  }

  @Test("bytes that are no characters are cut all the same")
  func binary() {
    var cutter = StreamCutter()
    let pieces = cutter.add(ByteBuffer(repeating: 0x80, count: 100_000))
    let rest = cutter.finish()?.readableBytes ?? 0
    #expect(pieces.reduce(rest) { $0 + $1.readableBytes } == 100_000)
    #expect(pieces.allSatisfy { 1...StreamCutter.pieceBytes ~= $0.readableBytes })
  }
}
