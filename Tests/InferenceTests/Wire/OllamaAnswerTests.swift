import Foundation
import Synchronization
import Testing

@testable import Inference

@Suite("Answers in Ollama's shape")
struct OllamaAnswerTests {
  /// Time that goes on by a quarter of a second whenever it is looked at.
  private final class Steps: Sendable {
    private let count = Mutex(0)

    func next() -> Duration {
      count.withLock { count in
        count += 1
        return .milliseconds(250 * count)
      }
    }
  }

  private func answer(
    _ body: String, _ route: OllamaRequest.Route = .chat
  ) throws -> OllamaAnswer {
    let steps = Steps()
    return OllamaAnswer(
      to: try OllamaRequest(parsing: Array(body.utf8), route), model: "m",
      began: Date(timeIntervalSince1970: 0), elapsed: { steps.next() })
  }

  private func chunk(
    _ text: String? = nil, thinking: String? = nil, calls: [ToolCall]? = nil, finish: String? = nil
  ) -> ChatChunk {
    ChatChunk(
      id: "u", created: 1, model: "m",
      delta: .init(content: text, reasoningContent: thinking, toolCalls: calls), finishReason: finish)
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private let streamed = #"{"model":"m","messages":[{"role":"user","content":"x"}]}"#
  private let whole = #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":false}"#

  @Test("a conversation's answer is a line for each piece, and a last one that is done")
  func lines() throws {
    var answer = try answer(streamed)
    #expect(answer.add(chunk("")).isEmpty)
    #expect(
      text(answer.add(chunk("One\n")))
        == """
        {"created_at":"1970-01-01T00:00:00.500Z","done":false,"message":{"content":"One\\n","role":"assistant"},\
        "model":"m"}

        """)
    var end = chunk(finish: "length")
    end.usage = Usage(promptTokens: 3, completionTokens: 2)
    #expect(answer.add(end).isEmpty)
    #expect(
      text(try answer.end())
        == """
        {"created_at":"1970-01-01T00:00:00.750Z","done":true,"done_reason":"length","eval_count":2,\
        "eval_duration":750000000,"message":{"content":"","role":"assistant"},"model":"m",\
        "prompt_eval_count":3,"total_duration":1000000000}

        """)
  }

  @Test("one text's answer has its words in response")
  func generated() throws {
    var answer = try answer(#"{"model":"m","prompt":"x"}"#, .generate)
    #expect(text(answer.add(chunk("One"))).contains(#""response":"One""#))
    let last = text(try answer.end())
    #expect(last.contains(#""response":"""#) && last.contains(#""done":true"#) && !last.contains("message"))
    // What is not known is not told.
    #expect(!last.contains("eval_count"))
  }

  @Test("an answer in one piece has all of it, and no line feed")
  func wholeAnswer() throws {
    var answer = try answer(whole)
    for piece in [chunk("One "), chunk("two"), chunk(finish: "stop")] { #expect(answer.add(piece).isEmpty) }
    let object = text(try answer.end())
    #expect(object.contains(#""message":{"content":"One two","role":"assistant"}"#))
    #expect(object.contains(#""done_reason":"stop""#) && !object.hasSuffix("\n"))
  }

  @Test("what a model says to itself is told apart, and not at all where that was asked for")
  func thinking() throws {
    var shown = try answer(streamed)
    #expect(text(shown.add(chunk(thinking: "hm"))).contains(#""thinking":"hm""#))
    var hidden = try answer(#"{"messages":[{"role":"user","content":"x"}],"think":false}"#)
    #expect(hidden.add(chunk(thinking: "hm")).isEmpty)
    var gathered = try answer(whole)
    _ = gathered.add(chunk(thinking: "hm"))
    #expect(text(try gathered.end()).contains(#""thinking":"hm""#))
  }

  @Test("calls of tools come whole, with arguments that are an object, before the end")
  func tools() throws {
    let pieces = [
      ToolCall(index: 0, id: "c1", name: "look", arguments: #"{"a""#),
      ToolCall(index: 0, type: nil, name: nil, arguments: ":1}"),
      ToolCall(index: 1, name: "go", arguments: ""),
    ]
    let called =
      #""tool_calls":[{"function":{"arguments":{"a":1},"name":"look"}},{"function":{"arguments":{},"name":"go"}}]"#
    for body in [streamed, whole] {
      var answer = try answer(body)
      for piece in pieces { #expect(answer.add(chunk(calls: [piece])).isEmpty) }
      _ = answer.add(chunk(finish: "tool_calls"))
      let end = text(try answer.end())
      let lines = end.split(separator: "\n")
      #expect(lines.count == (body == streamed ? 2 : 1))
      #expect(lines.first?.contains(called) == true)
      #expect(lines.last?.contains(#""done":true,"done_reason":"stop""#) == true)
    }
  }

  @Test("a call with arguments that are no object is a failure, and no call")
  func badCall() throws {
    for arguments in ["{", "[]", "7", "null"] {
      var answer = try answer(streamed)
      _ = answer.add(chunk(calls: [ToolCall(index: 0, id: "c", name: "look", arguments: arguments)]))
      #expect(throws: InferenceError.self) { try answer.end() }
    }
  }

  @Test("a model that is ready says so, and one that is silent says nothing in a line")
  func quiet() throws {
    let answer = try answer(streamed)
    #expect(text(answer.ready).contains(#""done":true,"done_reason":"load""#))
    #expect(text(answer.quietLine).contains(#""done":false,"message":{"content":"","role":"assistant"}"#))
  }
}
