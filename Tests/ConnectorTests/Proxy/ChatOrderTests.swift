import Testing

@testable import Connector

@Suite("What is asked of a proxy")
struct ChatOrderTests {
  private func order(_ text: String) -> ChatOrder { ChatOrder(Array(text.utf8)) }

  private func body(_ text: String, ownModel: Bool = true, wantsUsage: Bool = false) -> String {
    String(decoding: order(text).agentBody(ownModel: ownModel, wantsUsage: wantsUsage), as: UTF8.self)
  }

  @Test(
    "the model and whether to stream are read wherever they stand",
    arguments: [
      (#"{"model":"a/b","stream":true}"#, "a/b", true),
      (#" {"messages":[],"model":"Ad\u0061"} "#, "Ada", false),
      (#"{"stream":false,"model":""}"#, "", false), (#"{"model":null,"stream":null}"#, "", false),
      (#"{"model":7,"stream":"yes"}"#, "", false), (#"{"x":{"model":"no","stream":true}}"#, "", false),
      ("", "", false), ("[]", "", false), (#"{"model":"a""#, "", false), (#"{"model":"a"} x"#, "", false),
      ("\u{feff}{}", "", false),
    ])
  func read(text: String, model: String, streams: Bool) {
    #expect(order(text).model == model)
    #expect(order(text).streams == streams)
  }

  @Test(
    "an agent's own model is asked for by leaving the name empty, and nothing else changes by a byte",
    arguments: [
      (#"{"model":"Ada","n":1}"#, #"{"model":"","n":1}"#),
      (
        #"{ "t": 0.10 , "model" : "Ad\u0061\"" , "seed":12345678901234567890}"#,
        #"{ "t": 0.10 , "model" : "" , "seed":12345678901234567890}"#
      ),
      (#"{"messages":[{"model":"Ada"}],"model":"Ada"}"#, #"{"messages":[{"model":"Ada"}],"model":""}"#),
      (#"{"n":1}"#, #"{"n":1}"#), (#"{"model":null}"#, #"{"model":null}"#),
      (#"{"model":"A"#, #"{"model":"A"#),
      ("", ""),
    ])
  func ownModel(text: String, expected: String) {
    #expect(body(text) == expected)
    #expect(body(text, ownModel: false) == text)
  }

  @Test(
    "what the answer cost is asked for where nothing was said about it",
    arguments: [
      (#"{"n":1}"#, #"{"stream_options":{"include_usage":true},"n":1}"#),
      (" { }", #" {"stream_options":{"include_usage":true} }"#),
      (#"{"stream_options":null,"n":1}"#, #"{"stream_options":null,"n":1}"#), ("[{}]", "[{}]"), ("", ""),
    ])
  func usage(text: String, expected: String) {
    #expect(body(text, wantsUsage: true) == expected)
  }
}
