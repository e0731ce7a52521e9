import Testing

@testable import Inference

@Suite("Server-sent events")
struct EventStreamParserTests {
  private func parse(_ pieces: [[UInt8]]) throws -> [String] {
    var parser = EventStreamParser()
    var events: [[UInt8]] = []
    for piece in pieces { events += try piece.withUnsafeBytes { try parser.feed($0) } }
    if let last = try parser.finish() { events.append(last) }
    return events.map { String(decoding: $0, as: UTF8.self) }
  }

  static let cases: [(String, [String])] = [
    ("data: a\n\ndata: b\n\n", ["a", "b"]),
    ("data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
    ("data: a\r\rdata: b\r\r", ["a", "b"]),
    (": hello\n\ndata:a\n: more\ndata: b\n\n", ["a\nb"]),
    ("\u{FEFF}data: a\n\n", ["a"]),
    ("event: x\nid: 3\nretry: 1\ndata: {\"a\":1}\n\n", ["{\"a\":1}"]),
    ("data\ndata\n\n", ["\n"]),
    ("data:  two spaces\n\n", [" two spaces"]),
    ("database: no\n\n\n\ndata: ü€😀\n\n", ["ü€😀"]),
    ("data: [DONE]", ["[DONE]"]),
    ("data: [DONE]\n", ["[DONE]"]),
    ("\n\n\r\n", []), ("", []),
  ]

  @Test("events come out whole however the bytes are cut", arguments: cases)
  func parses(_ text: String, _ expected: [String]) throws {
    let bytes = Array(text.utf8)
    #expect(try parse([bytes]) == expected)
    #expect(try parse(bytes.map { [$0] }) == expected)
    for cut in bytes.indices { #expect(try parse([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected) }
  }

  @Test("a line without an end is refused when it is too long")
  func boundsLines() {
    #expect(throws: EventStreamParser.TooLarge.self) {
      try parse(Array(repeating: Array(repeating: UInt8(ascii: "x"), count: 64 << 10), count: 17))
    }
  }

  @Test("an event without an end is refused when it is too large")
  func boundsEvents() {
    let line = Array("data: ".utf8) + Array(repeating: UInt8(ascii: "x"), count: 1 << 19) + [10]
    #expect(throws: EventStreamParser.TooLarge.self) { try parse(Array(repeating: line, count: 9)) }
  }
}
