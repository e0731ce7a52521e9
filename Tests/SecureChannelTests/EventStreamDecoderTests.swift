import Testing

@testable import SecureChannel

@Suite("Cutting a stream into events")
struct EventStreamDecoderTests {
  private static let cases: [(stream: String, events: [String])] = [
    ("", []),
    ("data: a\n\n", ["a"]),
    ("data:a\n\ndata:  b\n\n", ["a", " b"]),
    ("data: a\ndata: b\ndata:\n\n", ["a\nb\n"]),
    ("data:\n\n", [""]),
    (": ping\n\ndata: a\n\n", ["a"]),
    (": ping\ndata: a\nid: 7\nretry: 3\n\n", ["a"]),
    ("event: x\n\nid: 1\n\n", []),
    ("data\n\nDATA: a\n\n data: a\n\ndatax: a\n\n", []),
    ("\n\n\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n", ["a", "b"]),
    ("\ndata: a\n\n", ["a"]),
    ("data: é😀\n\n", ["é😀"]),
    // What was not ended is not given out.
    ("data: a\n", []),
    ("data: a\n\ndata: b", ["a"]),
    // Carriage returns belong to the data; they end neither lines nor events.
    ("data: a\r\n\r\n", []),
    ("data: a\r\rdata: b\r\r", []),
    ("data: a\r\n\r\n\n", ["a\r"]),
    ("data: a\r\n\n", ["a\r"]),
  ]

  private static func feed(_ parts: [ArraySlice<UInt8>], limit: Int = 1000) throws -> [String] {
    var decoder = EventStreamDecoder(limit: limit)
    return try parts.flatMap { try decoder.feed($0) }.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("a stream is cut alike wherever the network cut it", arguments: cases)
  func everyCut(stream: String, events: [String]) throws {
    let bytes = Array(stream.utf8)
    #expect(try Self.feed([bytes[...]]) == events)
    #expect(try Self.feed(bytes.indices.map { bytes[$0...$0] }) == events)
    for first in 0...bytes.count {
      #expect(try Self.feed([bytes[..<first], bytes[first...]]) == events)
      for second in first...bytes.count {
        #expect(try Self.feed([bytes[..<first], bytes[first..<second], bytes[second...]]) == events)
      }
    }
  }

  @Test("random streams are cut alike wherever the network cut them", arguments: 0..<30 as Range<UInt64>)
  func randomCuts(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let pieces = ["\n", "\n\n", "data:", "data: ", ": c", "x", "\r\n", "id: 1\n"]
    let bytes = Array((0..<300).map { _ in pieces.randomElement(using: &generator)! }.joined().utf8)
    let whole = try Self.feed([bytes[...]])
    #expect(!whole.isEmpty)
    for _ in 0..<10 {
      var cuts = (0..<20).map { _ in Int.random(in: 0...bytes.count, using: &generator) } + [0, bytes.count]
      cuts.sort()
      #expect(try Self.feed(zip(cuts, cuts.dropFirst()).map { bytes[$0..<$1] }) == whole)
    }
  }

  @Test("an event may be as long as the limit and no longer, wherever the network cut it")
  func limit() throws {
    let fits = Array("data: 89\n\n".utf8)
    let tooLong = Array("data: 890\n\n".utf8)
    for cut in 0...fits.count {
      #expect(try Self.feed([fits[..<cut], fits[cut...]], limit: 8) == ["89"])
      #expect(throws: EventStreamDecoder.Oversized.self) {
        try Self.feed([tooLong[..<cut], tooLong[cut...]], limit: 8)
      }
    }
  }

  @Test("a stream that never ends an event is refused when it passes the limit, and many short ones are not")
  func bounded() throws {
    var decoder = EventStreamDecoder(limit: 4096)
    var fed = 0
    #expect(throws: EventStreamDecoder.Oversized.self) {
      while fed < 1 << 20 {
        _ = try decoder.feed([UInt8](repeating: UInt8(ascii: "x"), count: 512))
        fed += 512
      }
    }
    #expect(fed == 4096)
    decoder = EventStreamDecoder(limit: 4096)
    for _ in 0..<1000 { #expect(try decoder.feed(Array("data: 0123456789\n\n".utf8)).count == 1) }
  }

  @Test("an event of very many lines takes no longer than its length")
  func manyLines() throws {
    var decoder = EventStreamDecoder()
    let lines = [UInt8]([[UInt8]](repeating: Array("data:\n".utf8), count: 100_000).joined())
    #expect(try decoder.feed(lines + [0x0a]) == [[UInt8](repeating: 0x0a, count: 99_999)])
  }
}
