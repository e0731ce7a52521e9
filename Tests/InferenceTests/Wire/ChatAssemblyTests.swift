import Testing

@testable import Inference

@Suite("Putting a streamed answer together")
struct ChatAssemblyTests {
  private func chunk(_ delta: String, finish: String = "null") throws -> ChatChunk {
    try JSONText.decode(
      ChatChunk.self,
      from: Array(
        #"{"id":"c","created":3,"model":"m","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]}"#
          .utf8))
  }

  @Test("text, reasoning and tool calls come together")
  func assembles() throws {
    var assembly = ChatAssembly()
    for delta in [
      #"{"role":"assistant","content":null}"#, #"{"reasoning_content":"hm"}"#, #"{"reasoning":"m"}"#,
      #"{"content":"He"}"#, #"{"content":"llo"}"#,
      #"{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""},"extra":1}]}"#,
      #"{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{"}}]}"#,
      #"{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}"#,
      #"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":"}"}}]}"#,
    ] {
      assembly.add(try chunk(delta))
    }
    assembly.add(try chunk("{}", finish: #""tool_calls""#))
    let message = assembly.completion.choices[0].message
    #expect(message.content == .text("Hello"))
    #expect(message.reasoningContent == "hmm")
    #expect(
      message.toolCalls == [
        ToolCall(id: "a", name: "f", arguments: #"{"x":1}"#, extras: ["extra": 1]),
        ToolCall(id: "b", name: "g", arguments: "{}"),
      ])
    #expect(assembly.completion.choices[0].finishReason == "tool_calls")
    #expect(assembly.completion.id == "c" && assembly.completion.created == 3)
  }

  @Test("a streamed tool call keeps every member on its way through")
  func keepsToolCalls() throws {
    let text =
      #"{"tool_calls":[{"extra":{"sig":"x"},"function":{"arguments":"","name":"f"},"id":"a","index":0,"type":"function"}]}"#
    let delta = try JSONText.decode(ChatChunk.Delta.self, from: Array(text.utf8))
    #expect(try JSONText.encode(delta) == text)
  }

  @Test("a whole answer becomes chunks that make the same answer")
  func splits() throws {
    let message = ChatMessage(
      role: "assistant", content: .text("Hi"), toolCalls: [ToolCall(id: "a", name: "f", arguments: "{}")])
    let whole = ChatCompletion(
      id: "c", created: 1, model: "m", choices: [.init(message: message, finishReason: "tool_calls")],
      usage: Usage(promptTokens: 1, completionTokens: 2))
    var assembly = ChatAssembly()
    for chunk in whole.chunks { assembly.add(chunk) }
    #expect(assembly.completion == whole)
  }

  @Test("numbers that no answer could cost do not overflow")
  func survivesHugeCounts() throws {
    let text = #"{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807}"#
    #expect(throws: Never.self) { try JSONText.decode(Usage.self, from: Array(text.utf8)) }
  }
}
