import Foundation
import Testing

@testable import Connector

@Suite("A stream put together")
struct ChatCollectionTests {
  private static let end = "data: [DONE]\n\n"

  private func event(_ delta: String, _ more: String = "") -> String {
    #"data: {"id":"c1","created":7,"model":"m","choices":[{"index":0,"delta":\#(delta)\#(more)}]}"# + "\n\n"
  }

  private func collect(_ text: String, cutEvery size: Int = 1 << 20, limit: Int = 1 << 20) throws
    -> PeerAnswer
  {
    var collection = ChatCollection(limit: limit)
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      try collection.feed(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    return try collection.finish()
  }

  private func json(_ answer: PeerAnswer) -> String { String(decoding: answer.body, as: UTF8.self) }

  @Test(
    "text, thoughts, reason and cost come together however the bytes are cut", arguments: [1, 7, 1 << 20])
  func whole(size: Int) throws {
    let text =
      event(#"{"role":"assistant","content":""}"#) + ": ping\n\n" + event(#"{"reasoning_content":"hm"}"#)
      + event(#"{"content":"Grüß "}"#) + #"data: {"choices":[],"osaurus_agent_tool":{"phase":"started"}}"#
      + "\n\n"
      + event(#"{"content":"Gott"}"#) + event("{}", #","finish_reason":"length""#)
      + #"data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"# + "\n\n"
      + Self.end + event(#"{"content":" never"}"#)
    let answer = try collect(text, cutEvery: size)
    #expect(answer.status == 200)
    #expect(
      json(answer)
        == #"{"choices":[{"finish_reason":"length","index":0,"message":{"content":"Grüß Gott","#
        + #""reasoning_content":"hm","role":"assistant"}}],"created":7,"id":"c1","model":"m","#
        + #""object":"chat.completion","usage":{"completion_tokens":2,"prompt_tokens":1,"total_tokens":3}}"#)
  }

  @Test("calls of tools come together piece by piece, each in its place")
  func calls() throws {
    let text =
      event(
        #"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"two","arguments":"{"}}]}"#)
      + event(
        #"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"one","arguments":"{}"}}]}"#
      )
      + event(#"{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}"#)
      + event("{}", #","finish_reason":"tool_calls""#) + Self.end
    let said = json(try collect(text))
    #expect(said.contains(#""content":null"#) && said.contains(#""finish_reason":"tool_calls""#))
    #expect(said.contains(#"{"function":{"arguments":"{}","name":"one"},"id":"a""#))
    #expect(said.contains(#"{"function":{"arguments":"{}","name":"two"},"id":"b""#))
    let (first, second) = (said.firstRange(of: "one"), said.firstRange(of: "two"))
    #expect(first.map(\.lowerBound) ?? said.endIndex < second.map(\.lowerBound) ?? said.startIndex)
  }

  @Test(
    "an error in the stream is the answer, with the status that it would have had",
    arguments: [
      ("invalid_request_error", 400), ("model_not_found", 404), ("insufficient_resources", 503),
      ("storage_full", 507), ("internal_error", 500), ("anything", 500),
    ])
  func failures(type: String, status: Int) throws {
    let text =
      event(#"{"content":"half"}"#) + #"data: {"error":{"message":"No \"such\" thing","type":"\#(type)"}}"#
      + "\n\n"
      + Self.end
    let answer = try collect(text)
    #expect(answer.status == status)
    #expect(json(answer).contains(#""message":"No \"such\" thing""#) && json(answer).contains(type))
    #expect(!json(answer).contains("half"))
  }

  @Test("one without an end, of something else, or too large is no answer")
  func broken() {
    #expect(throws: ConnectorError.badAnswer(reason: "it has no end")) {
      try collect(event(#"{"content":"a"}"#))
    }
    #expect(throws: ConnectorError.badAnswer(reason: "it has no end")) { try collect("") }
    for piece in ["data: hello\n\n", "data: []\n\n", #"data: {"choices":"#, #"data: {"choices":7}"# + "\n\n"]
    {
      #expect(throws: ConnectorError.self) { try collect(piece + Self.end) }
    }
    #expect(throws: ConnectorError.answerTooLarge) {
      try collect(event(#"{"content":"aaaaaaaaaaaaaaaaaaaaaaaa"}"#) + Self.end, limit: 100)
    }
  }
}
