import Testing

@testable import Connector

@Suite("The text of a streamed answer")
struct AnswerTextDecoderTests {
  private static let answer = [
    #"data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
    "", ": ping", "", "event: x", "id: 7",
    #"data: {"choices":[{"index":0,"delta":{"reasoning_content":"Let me see. "}}]}"#, "",
    #"data: {"choices":[{"index":0,"delta":{"reasoning":"Well."}}]}"#, "",
    #"data:{"choices":[{"index":0,"delta":{"content":"Grüße, \"塔\"\n"}}]}"#, "",
    #"data: {"choices":[{"index":0,"delta":{"content":null,"tool_calls":[{"index":0,"id":"a","function":{"name":"read","arguments":""}}]}}]}"#,
    "",
    #"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]}"#,
    "",
    #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#, "",
    #"data: {"choices":[],"usage":{"prompt_tokens":1},"error":null}"#, "", #"data: {"type":"hint"}"#, "",
    "data:", "",
    "data: [DONE]", "", #"data: {"choices":[{"delta":{"content":"late"}}]}"#, "", "",
  ]

  private static let parts: [AnswerPart] = [
    .reasoning("Let me see. "), .reasoning("Well."), .text("Grüße, \"塔\"\n"), .toolCall("read"), .done,
  ]

  @Test("an answer is the same however its bytes are cut", arguments: ["\n", "\r\n"])
  func cuts(end: String) throws {
    let bytes = Array(Self.answer.joined(separator: end).utf8)
    for cut in 0...bytes.count {
      var decoder = AnswerTextDecoder()
      let parts = try decoder.feed(Array(bytes[..<cut])) + decoder.feed(Array(bytes[cut...]))
      #expect(parts == Self.parts)
    }
  }

  @Test("an answer is the same when it comes byte by byte")
  func bytes() throws {
    var decoder = AnswerTextDecoder()
    let parts = try Self.answer.joined(separator: "\n").utf8.flatMap { try decoder.feed([$0]) }
    #expect(parts == Self.parts)
  }

  @Test(
    "an error is told in its own words, and ends the answer",
    arguments: [
      (#"{"error":{"message":"The model went away.","type":"internal_error"}}"#, "The model went away."),
      (#"{"error":"gone","message":"The model went away."}"#, "The model went away."),
      (#"{"error":"The model went away."}"#, "The model went away."),
      (#"{"error":{"message":"a\u001b[31m\nb"}}"#, "a [31m b"),
      (#"{"error":{}}"#, "The answer failed; no reason was given."),
      (#"{"error":17}"#, "The answer failed; no reason was given."),
    ])
  func failures(event: String, message: String) throws {
    var decoder = AnswerTextDecoder()
    let start = #"data: {"choices":[{"delta":{"content":"so "}}]}"#
    let parts = try decoder.feed(Array("\(start)\n\ndata: \(event)\n\ndata: [DONE]\n\n".utf8))
    #expect(parts == [.text("so "), .failed(message)])
    #expect(try decoder.feed(Array("data: [DONE]\n\n".utf8)).isEmpty)
  }

  @Test(
    "an event that cannot be read ends the answer, and loses nothing before it",
    arguments: ["{", "nonsense", "[]", #"{"choices":17}"#, #"{"choices":[{"delta":{"content":[]}}]}"#])
  func malformed(event: String) throws {
    var decoder = AnswerTextDecoder()
    let start = #"data: {"choices":[{"delta":{"content":"so "}}]}"#
    let parts = try decoder.feed(Array("\(start)\n\ndata: \(event)\n\n".utf8))
    #expect(parts == [.text("so "), .failed("A piece of the answer could not be read.")])
  }

  @Test("bytes that are not UTF-8 end the answer")
  func notText() throws {
    var decoder = AnswerTextDecoder()
    let parts = try decoder.feed(Array("data: {\"x\":\"".utf8) + [0xff, 0xfe] + Array("\"}\n\n".utf8))
    #expect(parts.count <= 1)
    #expect(parts.allSatisfy { $0 == .failed("A piece of the answer could not be read.") })
  }

  @Test("a line without an end is refused")
  func endless() throws {
    var decoder = AnswerTextDecoder()
    let piece = [UInt8](repeating: 0x61, count: 1024 * 1024)
    for _ in 1...4 { #expect(try decoder.feed(piece).isEmpty) }
    #expect(throws: ConnectorError.badAnswer(reason: "one piece of it is too large")) {
      try decoder.feed([0x61])
    }
  }
}
