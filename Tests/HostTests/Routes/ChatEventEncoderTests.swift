import Foundation
import Inference
import NIOCore
import Testing

@testable import Host

@Suite("The events of a streamed answer")
struct ChatEventEncoderTests {
  private let encoder = ChatEventEncoder(id: "chatcmpl-0123456789AB", created: 1_700_000_000, model: "a/b")

  private func text(_ write: (inout ByteBuffer) -> Void) -> String {
    var buffer = ByteBuffer()
    write(&buffer)
    return String(buffer: buffer)
  }

  @Test("an answer starts with its role")
  func start() {
    #expect(
      text(encoder.writeStart) == """
        data: {"id":"chatcmpl-0123456789AB","object":"chat.completion.chunk","created":1700000000,"model":"a/b",\
        "choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n
        """)
  }

  @Test("a piece of text is one chunk, escaped as JSON")
  func content() {
    #expect(
      text { encoder.writeDelta(.init(content: "a\"\\/\n\u{1}é"), to: &$0) } == """
        data: {"id":"chatcmpl-0123456789AB","object":"chat.completion.chunk","created":1700000000,"model":"a/b",\
        "choices":[{"index":0,"delta":{"content":"a\\"\\\\/\\n\\u0001é"}}]}\n\n
        """)
  }

  @Test("the end says why")
  func finish() {
    let end = text { encoder.writeDelta(.init(), finishReason: "stop", to: &$0) }
    #expect(end.hasSuffix(#""choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n"))
  }

  @Test("nothing new is no chunk")
  func nothing() {
    #expect(text { encoder.writeDelta(.init(role: "assistant", content: ""), to: &$0) } == "")
  }

  @Test("every chunk is what a client of the protocol reads")
  func readable() throws {
    let delta = ChatChunk.Delta(content: "x", reasoningContent: "y\u{7F}\u{2028}")
    let event = text { encoder.writeDelta(delta, finishReason: "length", to: &$0) }
    let chunk = try JSONDecoder().decode(ChatChunk.self, from: Data(event.dropFirst(6).utf8))
    #expect(chunk.id == encoder.id)
    #expect(chunk.model == "a/b")
    #expect(chunk.delta == delta)
    #expect(chunk.finishReason == "length")
  }

  @Test("an error in the middle has no chunk around it")
  func failure() {
    #expect(
      text { ChatEventEncoder.writeError("a \"b\"", type: "internal_error", to: &$0) }
        == #"data: {"error":{"message":"a \"b\"","type":"internal_error"}}"# + "\n\n")
  }

  @Test("an answer's name is chatcmpl- and twelve uppercase digits")
  func id() throws {
    #expect(try /chatcmpl-[0-9A-F]{12}/.wholeMatch(in: ChatEventEncoder.makeID()) != nil)
  }

  @Test("text of every kind is escaped as Foundation does it")
  func escapes() throws {
    let scalars = (0..<0x300).compactMap(Unicode.Scalar.init) + ["\u{2028}", "\u{FFFF}", "🦕"]
    for scalar in scalars {
      let string = "a" + String(Character(scalar)) + "b"
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      let expected = String(decoding: try encoder.encode(string), as: UTF8.self)
      #expect(text { $0.writeJSONString(string) } == expected)
    }
  }
}
