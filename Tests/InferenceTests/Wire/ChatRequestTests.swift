import Testing

@testable import Inference

@Suite("Chat requests")
struct ChatRequestTests {
  private func decode(_ text: String) throws -> ChatRequest {
    try JSONText.decode(ChatRequest.self, from: Array(text.utf8))
  }

  private func roundTrip(_ text: String) throws -> JSONValue {
    let bytes = Array(try JSONText.bytes(try decode(text)))
    return try JSONText.decode(JSONValue.self, from: bytes)
  }

  @Test("everything that is known survives the way in and out, and nothing is added")
  func roundTrips() throws {
    let text = """
      {"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}}]},
      {"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"},"x":{"y":1}}]},
      {"role":"tool","tool_call_id":"1","content":"ok"}],"temperature":0.5,"max_tokens":5,"max_completion_tokens":6,
      "stream":true,"top_p":0.25,"top_k":3,"frequency_penalty":0.5,"presence_penalty":1.5,"stop":["x"],"n":1,
      "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","z":[1,2.5,null,true]}}}],
      "tool_choice":{"type":"function","function":{"name":"f"}},"session_id":"s","seed":7,
      "response_format":{"type":"json_object"},"stream_options":{"include_usage":true},"enable_thinking":false,
      "reasoning_effort":"low"}
      """
    let expected = try JSONText.decode(JSONValue.self, from: Array(text.utf8))
    #expect(try roundTrip(text) == expected)
  }

  @Test("unknown members are ignored and absent ones stay absent")
  func ignoresTheUnknown() throws {
    let value = try roundTrip(
      #"{"model":"m","messages":[{"role":"user","content":"a","weight":1}],"logit_bias":{}}"#)
    #expect(value == ["model": "m", "messages": [["role": "user", "content": "a"]]])
  }

  @Test("a single stop text is a list of one, and a null content is none")
  func readsShortForms() throws {
    let request = try decode(#"{"messages":[{"role":"assistant","content":null}],"stop":"END"}"#)
    #expect(request.stop == ["END"])
    #expect(request.messages[0].content == nil)
    #expect(request.wantsDefaultModel)
  }

  @Test("text parts are joined where a server wants text, and other parts go through")
  func joinsText() throws {
    var request = ChatRequest(model: "m", messages: [])
    let image = ContentPart(["type": "image_url", "image_url": ["url": "u"]])
    request.messages = [
      ChatMessage(
        role: "user",
        content: .parts([ContentPart(text: "a"), ContentPart(["type": "input_text", "text": "b"])])),
      ChatMessage(
        role: "user", content: .parts([ContentPart(["type": "input_text", "text": "c"]), image])),
    ]
    let upstream = request.forServer(model: "m", streaming: true, isLocal: false).request
    #expect(upstream.messages[0].content == .text("ab"))
    #expect(upstream.messages[1].content == .parts([ContentPart(text: "c"), image]))
  }

  @Test("the session stays here, and a switch for thinking goes only to a server on this machine")
  func keepsItsOwn() throws {
    var request = ChatRequest(model: "default", messages: [.user("a")])
    request.sessionID = "s"
    request.enableThinking = false
    func sent(isLocal: Bool) throws -> JSONValue {
      let upstream = request.forServer(model: "m", streaming: true, isLocal: isLocal)
      return try JSONText.decode(JSONValue.self, from: Array(try JSONText.bytes(upstream)))
    }
    #expect(try sent(isLocal: true)["chat_template_kwargs"] == ["enable_thinking": false])
    let far = try sent(isLocal: false)
    #expect(far["chat_template_kwargs"] == nil)
    #expect(far["session_id"] == nil && far["enable_thinking"] == nil)
    #expect(far["model"] == "m" && far["stream"] == true)
  }

  @Test(
    "what cannot be answered is refused",
    arguments: [
      #"{"messages":[{"role":"user","content":"a"}],"n":2}"#, #"{"messages":[]}"#,
      #"{"messages":[{"role":"user","content":"a"}],"n":0}"#,
      #"{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema"}}"#,
      #"{"messages":[{"role":"user","content":"a"}],"response_format":{}}"#,
      #"{"messages":[{"role":"user","content":"a"}],"response_format":"json"}"#,
      #"{"messages":[{"role":"user","content":"a"}],"tool_choice":"always"}"#,
      #"{"messages":[{"role":"user","content":"a"}],"tools":["f"]}"#,
    ])
  func refuses(_ text: String) throws {
    let request = try decode(text)
    #expect(throws: InferenceError.self) { try request.validate() }
  }

  @Test(
    "what can be answered is not",
    arguments: [
      #"{"messages":[{"role":"user","content":"a"}],"n":1,"response_format":{"type":"text"},"tool_choice":"none"}"#,
      #"{"messages":[{"role":"user","content":"a"}],"n":null,"response_format":null,"tool_choice":null}"#,
    ])
  func accepts(_ text: String) throws {
    try decode(text).validate()
  }

  @Test(
    "what is not a request does not decode",
    arguments: [
      "{}", "[]", #"{"messages":{}}"#, #"{"messages":[{"content":"a"}]}"#,
      #"{"messages":[{"role":"user","content":[1]}]}"#,
    ])
  func doesNotDecode(_ text: String) {
    #expect(throws: (any Error).self) { try decode(text) }
  }
}
