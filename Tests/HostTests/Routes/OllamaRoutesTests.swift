import Foundation
import HTTPTypes
import Testing

@testable import Host

@Suite("Ollama's routes, over TCP and the channel", .serialized, .timeLimit(.minutes(10)))
struct OllamaRoutesTests {
  /// Serves a host, and gives a caller with a key to all of it.
  private func serve(_ body: @escaping @Sendable (WholeHost, WireClient) async throws -> Void) async throws {
    try await WholeHost.serve { host, doors in
      try await body(host, doors.with(key: try await host.key().text))
    }
  }

  private func chat(_ text: String, _ more: String = "") -> String {
    #"{"model":"scripted/one","messages":[{"role":"user","content":"\#(text)"}]\#(more)}"#
  }

  private func prompt(_ text: String, _ more: String = "") -> String {
    #"{"model":"scripted/one","prompt":"\#(text)"\#(more)}"#
  }

  @Test("an answer streams in lines unless told otherwise, and its last line says what it cost")
  func streams() async throws {
    try await serve { _, wire in
      for (path, body, words) in [
        ("/api/chat", chat("say one two"), "message"), ("/chat", chat("say one two"), "message"),
        ("/api/generate", prompt("say one two"), "response"),
        ("/v1/api/generate", prompt("say one two"), "response"),
      ] {
        let answer = try await wire.ask("POST", path, body)
        #expect(answer.status == 200 && answer.isWhole)
        #expect(answer.headers["content-type"] == "application/x-ndjson")
        let lines = AnsweredLines(answer.text)
        #expect(lines.text == "one two " && lines.isDone)
        #expect(lines.all.count == 3)
        #expect(lines.all.allSatisfy { $0["model"] as? String == "scripted/one" && $0[words] != nil })
        #expect(lines.all.allSatisfy { $0["created_at"] is String })
        #expect(lines.last["done_reason"] as? String == "stop")
        #expect(lines.last["prompt_eval_count"] as? Int == 3 && lines.last["eval_count"] as? Int == 2)
        #expect(lines.last["total_duration"] as? Int ?? 0 > 0)
      }
    }
  }

  @Test("an answer comes whole where that is asked for")
  func whole() async throws {
    try await serve { _, wire in
      let told = try await wire.ask("POST", "/api/chat", chat("say one two", #","stream":false"#))
      #expect(told.status == 200)
      #expect(told.headers["content-type"] == "application/json; charset=utf-8")
      #expect((told.json["message"] as? [String: Any])?["content"] as? String == "one two ")
      #expect((told.json["message"] as? [String: Any])?["role"] as? String == "assistant")
      #expect(told.json["done"] as? Bool == true && told.json["eval_count"] as? Int == 2)
      let made = try await wire.ask("POST", "/api/generate", prompt("say one", #","stream":false"#))
      #expect(made.json["response"] as? String == "one " && made.json["done"] as? Bool == true)
    }
  }

  @Test("what is asked reaches the model in the words that its server knows")
  func asked() async throws {
    try await serve { host, wire in
      _ = try await wire.ask(
        "POST", "/api/generate",
        prompt("say one", #","system":"Be brief.","format":"json","options":{"num_predict":9,"seed":4}"#))
      let request = try #require(host.model.requests.last)
      for part in [
        #""content":"Be brief.""#, #""max_tokens":9"#, #""seed":4"#,
        #""response_format":{"type":"json_object"}"#, #""model":"scripted/one""#,
      ] {
        #expect(request.contains(part), "\(part) in \(request)")
      }
      #expect(!request.contains("num_predict"))
      let tools = #","tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}]"#
      for more in [tools, tools + #","stream":false"#] {
        let answer = try await wire.ask("POST", "/api/chat", chat("call", more))
        #expect(answer.text.contains(#""tool_calls":[{"function":{"arguments":{"a":1},"name":"look"}}]"#))
        #expect(AnsweredLines(answer.text).isDone)
        #expect(host.model.requests.last?.contains(#""name":"look""#) == true)
      }
    }
  }

  @Test("a question that says nothing makes the model ready, and asks it nothing")
  func ready() async throws {
    try await serve { host, wire in
      for (path, more) in [("/api/chat", ""), ("/api/generate", #","stream":false"#)] {
        let answer = try await wire.ask("POST", path, #"{"model":"scripted/one"\#(more)}"#)
        #expect(answer.status == 200)
        #expect(AnsweredLines(answer.text).last["done_reason"] as? String == "load")
      }
      let unknown = try await wire.ask("POST", "/api/chat", #"{"model":"nobody"}"#)
      #expect(unknown.status == 404)
      #expect(host.model.requests.isEmpty)
    }
  }

  @Test("what is no request, or one that cannot be served, is told so in Ollama's form")
  func refusals() async throws {
    try await serve { host, wire in
      for (path, body) in [
        ("/api/chat", ""), ("/api/chat", "[]"), ("/api/chat", #"{"messages":7}"#),
        ("/api/generate", "{"), ("/api/generate", #"{"prompt":["x"]}"#),
      ] {
        let answer = try await wire.ask("POST", path, body)
        #expect(answer.status == 400)
        #expect(
          answer.text
            == #"{"error":{"message":"Invalid request format","type":"invalid_request_error"},"done":true}"#)
      }
      let suffix = try await wire.ask("POST", "/api/generate", prompt("x", #","suffix":"y""#))
      #expect(suffix.status == 400 && suffix.text.contains("not supported"))
      #expect(host.model.requests.isEmpty)
      let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
      #expect(try await wire.ask("POST", "/api/chat", chat("x", #","options":\#(deep)"#)).status == 400)
      for more in ["", #","stream":false"#] {
        let refused = try await wire.ask("POST", "/api/chat", chat("refuse", more))
        #expect(refused.status == 400)
        #expect((refused.json["error"] as? [String: Any])?["type"] as? String == "invalid_request_error")
        #expect(refused.json["done"] as? Bool == true)
      }
      #expect(try await wire.ask("GET", "/api/chat").status == 404)
    }
  }

  @Test("a model that dies mid-answer is an error, and never looks like an end")
  func dyingModel() async throws {
    try await serve { _, wire in
      let streamed = try await wire.ask("POST", "/api/chat", chat("die one two"))
      let lines = AnsweredLines(streamed.text)
      #expect(lines.text == "one two " && !lines.isDone)
      #expect((lines.last["error"] as? [String: Any])?["type"] as? String == "internal_error")
      let whole = try await wire.ask("POST", "/api/chat", chat("die one two", #","stream":false"#))
      #expect(whole.status == 500)
      #expect(whole.text.hasPrefix(#"{"error":{"message":"#))
    }
  }

  @Test("when the caller goes away, the model is stopped", arguments: [true, false])
  func departure(streams: Bool) async throws {
    try await serve { host, wire in
      let request = wire.bytes("POST", "/api/chat", Array(chat("drone", #","stream":\#(streams)"#).utf8))
      let left = try await wire.connect { client in
        try await client.send(request)
        if streams {
          _ = try await client.read(until: "drone")
        } else {
          try await host.model.droneStarted.value()
        }
        return ContinuousClock.now
      }
      try await host.model.droneStopped.value()
      #expect(ContinuousClock.now - left < .promptly)
    }
  }

  @Test("through the channel lines stream to whoever takes frames, and come whole to others, errors as well")
  func sealed() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let key = try await host.key().text
      let client = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      let streamed = try await client.stream("/api/chat", key: key, body: chat("say one two"))
      #expect(streamed.isFinished)
      #expect(streamed.outer.headers["content-type"] == "text/event-stream")
      #expect(!streamed.outer.text.contains("one"))
      let lines = AnsweredLines(streamed.pieces.joined())
      #expect(lines.text == "one two " && lines.isDone)
      let whole = try await client.ask("POST", "/api/chat", key: key, body: chat("say one two"))
      #expect(whole.status == 200)
      #expect(whole.outer.headers["content-type"] == "application/json; charset=utf-8")
      #expect(AnsweredLines(whole.text).text == "one two " && AnsweredLines(whole.text).isDone)
      let refused = try await client.ask("POST", "/api/generate", key: key, body: "{")
      #expect(refused.status == 400 && refused.text.contains(#""done":true"#))
    }
  }

  @Test(
    "a key for one agent does not open the models behind it, none opens nothing, and from afar it takes the channel"
  )
  func keys() async throws {
    try await WholeHost.serve { host, doors in
      _ = try await host.agent("Ada")
      let (scoped, all) = (try await host.key(for: "Ada").text, try await host.key().text)
      for path in ["/api/chat", "/api/generate"] {
        #expect(try await doors.tcp.ask("POST", path, chat("hi")).status == 401)
        #expect(try await doors.with(key: scoped).ask("POST", path, chat("hi")).status == 403)
        #expect(try await host.fromElsewhere(.post, path, key: all, chat("hi")).status == 426)
      }
      #expect(host.model.requests.isEmpty)
    }
  }

  @Test("a model is described as Ollama does")
  func show() async throws {
    try await serve { _, wire in
      for body in [#"{"model":"scripted/one"}"#, #"{"name":"scripted/one"}"#] {
        let answer = try await wire.ask("POST", "/api/show", body)
        #expect(answer.status == 200)
        #expect(
          answer.json.keys.sorted() == ["details", "model_info", "modelfile", "parameters", "template"])
        #expect((answer.json["details"] as? [String: Any])?["family"] as? String == "tests")
      }
      #expect(try await wire.ask("POST", "/api/show", "{}").status == 400)
      let unknown = try await wire.ask("POST", "/api/show", #"{"model":"nobody"}"#)
      #expect(unknown.status == 404 && unknown.text.contains(#""type":"model_not_found""#))
    }
  }
}
