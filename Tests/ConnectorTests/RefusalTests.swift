import Testing

@testable import Connector

@Suite("Refusals")
struct RefusalTests {
  @Test(
    "code and message are read in every shape that hosts use",
    arguments: [
      (#"{"error":{"code":"a_code","message":"Why.","type":"t"}}"#, "a_code", "Why."),
      (#"{"error":{"message":"Why.","type":"t"}}"#, nil, "Why."),
      (#"{"error":"a_code","message":"Why."}"#, "a_code", "Why."),
      (#"{"error":"a_code"}"#, "a_code", ""), (#"{"error":"Why it is so"}"#, nil, "Why it is so"),
      (#"{"error":{"message":"a\u0007\r\nb   c"}}"#, nil, "a b c"), ("", nil, ""), ("{}", nil, ""),
      ("<html>", nil, ""), (#"{"error":null}"#, nil, ""), ("[1]", nil, ""),
    ] as [(String, String?, String)])
  func shapes(body: String, code: String?, message: String) {
    let refusal = Refusal(status: 403, body: Array(body.utf8))
    #expect(refusal.status == 403)
    #expect(refusal.code == code)
    #expect(refusal.message == message)
  }

  @Test("a long message is cut")
  func long() {
    let text = String(repeating: "x", count: 5000)
    let refusal = Refusal(status: 400, body: Array(#"{"error":"c","message":"\#(text)"}"#.utf8))
    #expect(refusal.message.count == 501)
  }
}
