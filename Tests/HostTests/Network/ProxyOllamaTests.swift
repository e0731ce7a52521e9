import Foundation
import Testing

@testable import Host

/// Models and agents at home, for programs that know of Ollama and nothing else.
@Suite("Ollama's clients, through the proxy", .serialized, .timeLimit(.minutes(10)))
struct ProxyOllamaTests {
  private static let prompt = "You are Ada, who counts."

  private func chat(_ text: String, model: String = "agent/Ada", _ more: String = "") -> String {
    #"{"model":"\#(model)","messages":[{"role":"user","content":"\#(text)"}]\#(more)}"#
  }

  @Test("a model answers in lines and in one piece, on both routes")
  func models() async throws {
    try await ServedProxy.run { proxy in
      for (path, body) in [
        ("/api/chat", chat("say one two", model: "scripted/one")),
        ("/api/generate", #"{"model":"scripted/one","prompt":"say one two"}"#),
      ] {
        let lines = try await proxy.wire.ask("POST", path, body)
        #expect(lines.status == 200 && lines.isWhole)
        #expect(lines.headers["content-type"] == "application/x-ndjson")
        #expect(AnsweredLines(lines.text).text == "one two " && AnsweredLines(lines.text).isDone)
        let whole = try await proxy.wire.ask("POST", path, String(body.dropLast()) + #","stream":false}"#)
        #expect(whole.headers["content-type"] == "application/json; charset=utf-8")
        #expect(AnsweredLines(whole.text).text == "one two " && AnsweredLines(whole.text).isDone)
      }
      #expect(proxy.host.model.requests.allSatisfy { !$0.contains("You are") })
    }
  }

  @Test(
    "an agent answers as a model does, with a key for it alone and with one for the host",
    arguments: [true, false])
  func agents(isForAgent: Bool) async throws {
    try await ServedProxy.run(isForAgent: isForAgent, prompt: Self.prompt) { proxy in
      for model in ["agent/Ada", "agent/Ada:latest"] + (isForAgent ? ["", "Ada"] : []) {
        let lines = try await proxy.wire.ask("POST", "/api/chat", chat("say one two", model: model))
        #expect(lines.status == 200 && lines.isWhole, "\(lines.text)")
        #expect(lines.headers["content-type"] == "application/x-ndjson")
        let said = AnsweredLines(lines.text)
        #expect(said.text == "one two " && said.isDone, "\(lines.text)")
        #expect(said.last["eval_count"] as? Int == 2 && said.last["model"] as? String == model)
        #expect(proxy.host.model.requests.last?.contains(Self.prompt) == true)
      }
      let whole = try await proxy.wire.ask(
        "POST", "/api/generate", #"{"model":"agent/Ada","prompt":"say one","stream":false}"#)
      #expect(whole.json["response"] as? String == "one " && whole.json["done"] as? Bool == true)
      let called = try await proxy.wire.ask("POST", "/api/chat", chat("call"))
      #expect(called.text.contains(#""tool_calls":[{"function":{"arguments":{"a":1},"name":"look"}}]"#))
      let count = proxy.host.model.requests.count
      let ready = try await proxy.wire.ask("POST", "/api/chat", #"{"model":"agent/Ada"}"#)
      #expect(AnsweredLines(ready.text).last["done_reason"] as? String == "load")
      #expect(proxy.host.model.requests.count == count)
      let shown = try await proxy.wire.ask("POST", "/api/show", #"{"model":"agent/Ada"}"#)
      #expect((shown.json["details"] as? [String: Any])?["family"] as? String == "agent")
      #expect(proxy.notes.all.isEmpty)
    }
  }

  @Test("errors come as Ollama's clients read them, a text")
  func failures() async throws {
    try await ServedProxy.run { proxy in
      for model in ["agent/Ada", "scripted/one"] {
        let refused = try await proxy.wire.ask(
          "POST", "/api/chat", chat("refuse", model: model, #","stream":false"#))
        #expect(refused.status == 400 && refused.json["error"] is String, "\(refused.text)")
        let broken = try await proxy.wire.ask("POST", "/api/chat", chat("die one two", model: model))
        let lines = AnsweredLines(broken.text)
        #expect(lines.text == "one two " && !lines.isDone)
        #expect(lines.last["error"] is String, "\(broken.text)")
      }
      for body in ["", "{", chat("x", #","think":7"#)] {
        let bad = try await proxy.wire.ask("POST", "/api/chat", body)
        #expect(bad.status == 400 && bad.json["error"] is String)
      }
      let unknown = try await proxy.wire.ask("POST", "/api/chat", chat("x", model: "nobody"))
      #expect(unknown.status == 404 && unknown.json["error"] is String)
    }
    try await ServedProxy.run(peerPort: 1) { proxy in
      let answer = try await proxy.wire.ask("POST", "/api/chat", chat("x"))
      #expect(answer.status == 502)
      #expect((answer.json["error"] as? String)?.contains("cannot be reached") == true)
    }
  }

  @Test(
    "words come as they are said, and a program that leaves stops the model",
    arguments: ["scripted/one", "agent/Ada"])
  func leaving(model: String) async throws {
    try await ServedProxy.run { proxy in
      let request = proxy.wire.bytes("POST", "/api/chat", Array(chat("drone", model: model).utf8))
      try await proxy.wire.connect { client in
        try await client.send(request)
        let begun = try await client.read(until: "drone ")
        #expect(begun.contains("application/x-ndjson"))
        try await client.cut()
      }
      try await proxy.host.model.droneStopped.value()
    }
  }
}
