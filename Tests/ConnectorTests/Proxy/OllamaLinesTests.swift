import Inference
import Testing

@testable import Connector

@Suite("Answers for Ollama's clients, put in their words")
struct OllamaLinesTests {
  private func agentLines(streams: Bool = true) throws -> AgentLines {
    let body = #"{"model":"a","messages":[{"role":"user","content":"x"}],"stream":\#(streams)}"#
    return AgentLines(
      OllamaAnswer(to: try OllamaRequest(parsing: Array(body.utf8), .chat), model: "a"), limit: 1 << 16)
  }

  private func event(_ delta: String) -> String {
    #"data: {"choices":[{"index":0,"delta":\#(delta)}]}"# + "\n\n"
  }

  private let done = "data: [DONE]\n\n"

  @Test("an agent's events become lines, however they are cut, and the last comes with the authenticated end")
  func agent() throws {
    let text =
      event(#"{"role":"assistant","content":""}"#) + event(#"{"content":"One é"}"#) + ": ping\n\n" + done
    for size in [1, 7, 1000] {
      var lines = try agentLines()
      var said: [UInt8] = []
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        said += try lines.feed(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
      }
      #expect(String(decoding: said, as: UTF8.self).contains(#""content":"One é""#))
      #expect(!String(decoding: said, as: UTF8.self).contains(#""done":true"#))
      #expect(String(decoding: try lines.finish(), as: UTF8.self).contains(#""done":true"#))
    }
  }

  @Test("an answer without an end, or with a piece that is none, is no answer")
  func broken() throws {
    var endless = try agentLines()
    _ = try endless.feed(Array(event(#"{"content":"One"}"#).utf8))
    #expect(throws: ConnectorError.self) { try endless.finish() }
    var odd = try agentLines()
    #expect(throws: ConnectorError.self) { try odd.feed(Array("data: 7\n\n".utf8)) }
    var large = try agentLines()
    #expect(throws: ConnectorError.answerTooLarge) {
      try large.feed([UInt8](repeating: 0x61, count: 1 << 17))
    }
    var called = try agentLines()
    let call = #"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"no"}}]}"#
    _ = try called.feed(Array((event(call) + done).utf8))
    #expect(throws: ConnectorError.self) { try called.finish() }
  }

  @Test("an error in an agent's answer is a line with its text")
  func failure() throws {
    var lines = try agentLines()
    _ = try lines.feed(
      Array((#"data: {"error":{"message":"No \"more\".","type":"x"}}"# + "\n\n" + done).utf8))
    #expect(String(decoding: try lines.finish(), as: UTF8.self) == #"{"error":"No \"more\"."}"# + "\n")
    #expect(lines.failure?.status == 500)
  }

  @Test(
    "lines pass by as they are, but for errors",
    arguments: [
      (#"{"done":false,"message":{"content":"error"}}"#, #"{"done":false,"message":{"content":"error"}}"#),
      (#"{"error":{"message":"No.","type":"x"},"done":true}"#, #"{"error":"No."}"#),
      (#"{"done":true,"error":{"type":"x","message":"\u00e9"}}"#, #"{"error":"é"}"#),
      (#"{"error":"No."}"#, #"{"error":"No."}"#), (#"{"error":{"message":7}}"#, #"{"error":{"message":7}}"#),
      ("not json", "not json"), ("", ""),
    ])
  func errors(line: String, expected: String) throws {
    for size in [1, 5, 1000] {
      for end in ["", "\n"] {
        var errors = OllamaErrors()
        var said: [UInt8] = []
        var rest = Array((line + end).utf8)[...]
        while !rest.isEmpty {
          said += try errors.feed(Array(rest.prefix(size)))
          rest = rest.dropFirst(size)
        }
        said += try errors.finish()
        #expect(String(decoding: said, as: UTF8.self) == expected + end)
      }
    }
  }

  @Test("a line without an end is not gathered for ever")
  func endlessLine() throws {
    var errors = OllamaErrors()
    let piece = [UInt8](repeating: 0x61, count: 1 << 22)
    #expect(throws: ConnectorError.answerTooLarge) { for _ in 0..<5 { _ = try errors.feed(piece) } }
  }
}
