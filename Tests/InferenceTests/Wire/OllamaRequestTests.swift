import Foundation
import Testing

@testable import Inference

@Suite("Questions in Ollama's shape")
struct OllamaRequestTests {
  private func parsed(_ text: String, _ route: OllamaRequest.Route = .chat) throws -> OllamaRequest {
    try OllamaRequest(parsing: Array(text.utf8), route)
  }

  private func refusal(_ text: String, _ route: OllamaRequest.Route = .chat) -> String? {
    do {
      _ = try parsed(text, route)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test("a conversation is asked as OpenAI's shape has it, and streams unless told otherwise")
  func conversation() throws {
    let order = try parsed(
      """
      {"model":"a/b","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},
      {"role":"assistant","content":"Hello","thinking":"hm"},{"role":"user","content":"Bye"}],"keep_alive":"5m"}
      """)
    #expect(order.model == "a/b" && order.streams && order.showsThinking)
    let chat = try #require(order.chat)
    #expect(chat.messages.map(\.role) == ["system", "user", "assistant", "user"])
    #expect(chat.messages.map { $0.content?.text } == ["Be brief.", "Hi", "Hello", "Bye"])
    #expect(chat.messages[2].reasoningContent == "hm")
    #expect(try !parsed(#"{"messages":[{"role":"user","content":"x"}],"stream":false}"#).streams)
  }

  @Test("one text is a question, with its system message before it")
  func prompt() throws {
    let order = try parsed(
      #"{"model":"m","prompt":"Why?","system":"Be brief.","context":[1,2],"tools":[7],"keep_alive":0}"#,
      .generate)
    #expect(order.chat?.messages == [.system("Be brief."), .user("Why?")])
    #expect(order.chat?.tools == nil)
    #expect(try parsed(#"{"model":"m","prompt":"Why?"}"#, .generate).chat?.messages == [.user("Why?")])
  }

  @Test("options that say what to answer are followed; those that say how to run a model are the server's")
  func options() throws {
    let chat = try #require(
      try parsed(
        """
        {"model":"m","prompt":"x","options":{"num_predict":7,"temperature":0.5,"top_p":0.25,"top_k":3,"seed":-9,
        "frequency_penalty":0.75,"presence_penalty":1.5,"stop":["a","b"],"num_ctx":4096,"mirostat":1}}
        """, .generate
      ).chat)
    #expect(chat.maxTokens == 7 && chat.temperature == 0.5 && chat.topP == 0.25 && chat.topK == 3)
    #expect(chat.seed == -9 && chat.frequencyPenalty == 0.75 && chat.presencePenalty == 1.5)
    #expect(chat.stop == ["a", "b"])
    let endless = try parsed(
      #"{"prompt":"x","options":{"num_predict":-1,"stop":"a"}}"#, .generate)
    #expect(endless.chat?.maxTokens == nil && endless.chat?.stop == ["a"])
  }

  @Test("format, think and tools are passed on where they are ones")
  func shapes() throws {
    func chat(_ more: String) throws -> ChatRequest? {
      try parsed(#"{"messages":[{"role":"user","content":"x"}],\#(more)}"#).chat
    }
    #expect(try chat(#""format":"json""#)?.responseFormat == ["type": "json_object"])
    #expect(
      try chat(#""format":{"type":"object"}"#)?.responseFormat
        == ["type": "json_object", "schema": ["type": "object"]])
    for none in [#""format":"""#, #""format":null"#] { #expect(try chat(none)?.responseFormat == nil) }
    #expect(try chat(#""think":false"#)?.enableThinking == false)
    #expect(try chat(#""think":"high""#)?.reasoningEffort == "high")
    #expect(try chat(#""think":"high""#)?.enableThinking == true)
    #expect(try chat(#""tools":[]"#)?.tools == nil)
    let tool: JSONValue = ["type": "function", "function": ["name": "look"]]
    #expect(try chat(#""tools":[{"type":"function","function":{"name":"look"}}]"#)?.tools == [tool])
  }

  @Test("pictures become parts that say what they are")
  func images() throws {
    let png = Data([0x89, 0x50, 0x4e, 0x47, 0x0d]).base64EncodedString()
    let order = try parsed(
      #"{"messages":[{"role":"user","content":"What?","images":["\#(png)"]}]}"#)
    guard case .parts(let parts) = order.chat?.messages.first?.content else {
      Issue.record("no parts")
      return
    }
    #expect(parts.map(\.type) == ["text", "image_url"])
    #expect(parts.last?.value["image_url"]?["url"]?.string == "data:image/png;base64,\(png)")
    let kinds: [[UInt8]] = [
      [0xff, 0xd8, 0xff, 0xe0], Array("GIF89a".utf8), Array("RIFF1234WEBPVP8 ".utf8),
    ]
    for bytes in kinds {
      let text = Data(bytes).base64EncodedString()
      #expect(refusal(#"{"prompt":"x","images":["\#(text)"]}"#, .generate) == nil)
    }
  }

  @Test("calls of tools are numbered, and answers find theirs, by identifier, by name, or in order")
  func tools() throws {
    let messages = try #require(
      try parsed(
        """
        {"messages":[{"role":"user","content":"x"},
        {"role":"assistant","content":"","tool_calls":[{"function":{"name":"a","arguments":{"n":1}}},
        {"function":{"name":"b","arguments":{}}},{"id":"mine","function":{"name":"c"}}]},
        {"role":"tool","content":"from b","tool_name":"b"},{"role":"tool","content":"from c","tool_call_id":"mine"},
        {"role":"tool","content":"from a"},{"role":"tool","content":"from nowhere"}]}
        """
      ).chat?.messages)
    let calls = try #require(messages[1].toolCalls)
    #expect(messages[1].content == nil)
    #expect(calls.map(\.id) == ["call_1", "call_2", "mine"])
    #expect(calls.map(\.arguments) == [#"{"n":1}"#, "{}", "{}"])
    #expect(calls.allSatisfy { $0.type == "function" })
    #expect(messages.dropFirst(2).map(\.toolCallID) == ["call_2", "mine", "call_1", "call_0"])
  }

  @Test(
    "a question that says nothing only makes the model ready",
    arguments: [
      (#"{"model":"m"}"#, OllamaRequest.Route.chat), (#"{"model":"m","messages":[]}"#, .chat),
      (#"{"model":"m"}"#, .generate), (#"{"model":"m","prompt":""}"#, .generate), ("{}", .chat),
    ])
  func nothing(text: String, route: OllamaRequest.Route) throws {
    #expect(try parsed(text, route).chat == nil)
  }

  @Test(
    "what is no question is refused",
    arguments: [
      "", "{", "[]", "null", "\u{0}", #"{"messages":7}"#, #"{"model":7}"#, #"{"messages":[7]}"#,
      #"{"messages":[{"content":"x"}]}"#, #"{"messages":[{"role":"user","content":["x"]}]}"#,
      #"{"messages":[{"role":"root","content":"x"}]}"#, #"{"messages":[{"role":"user"}],"stream":"yes"}"#,
      #"{"messages":[{"role":"user"}],"options":{"temperature":"hot"}}"#,
      #"{"messages":[{"role":"user"}],"options":{"num_predict":1e99}}"#,
      #"{"messages":[{"role":"user"}],"options":7}"#, #"{"messages":[{"role":"user"}],"think":"much"}"#,
      #"{"messages":[{"role":"user"}],"think":7}"#, #"{"messages":[{"role":"user"}],"format":"xml"}"#,
      #"{"messages":[{"role":"user"}],"format":7}"#, #"{"messages":[{"role":"user"}],"tools":[{"a":1}]}"#,
      #"{"messages":[{"role":"user","images":["%%%"]}]}"#,
      #"{"messages":[{"role":"user","images":["AAAA"]}]}"#,
      #"{"messages":[{"role":"user","images":[""]}]}"#,
    ])
  func refused(text: String) {
    #expect(refusal(text) != nil)
  }

  @Test(
    "what cannot be asked of a model that is spoken with is refused, and not passed over",
    arguments: [#""suffix":"}""#, #""raw":true"#, #""template":"{{ .Prompt }}""#])
  func unsupported(more: String) {
    #expect(refusal(#"{"prompt":"x",\#(more)}"#, .generate)?.contains("not supported") == true)
  }
}
