import Foundation
import HTTPTypes
import Synchronization
import Testing

@testable import Host

@Suite("Chat completions, over TCP", .serialized, .timeLimit(.minutes(10)))
struct ChatRoutesTests {
  /// Serves a host, and gives a caller with a key to all of it.
  private func serve(_ body: @escaping @Sendable (WholeHost, WireClient) async throws -> Void) async throws {
    try await WholeHost.serve { host, doors in
      try await body(host, doors.with(key: try await host.key().text))
    }
  }

  private func chat(_ text: String, _ more: String = "") -> String {
    #"{"model":"scripted/one","messages":[{"role":"user","content":"\#(text)"}]\#(more)}"#
  }

  @Test("an answer comes whole, under every prefix")
  func whole() async throws {
    try await serve { host, wire in
      for path in [
        "/chat/completions", "/v1/chat/completions", "/api/chat/completions", "/v1/api/chat/completions",
      ] {
        let answer = try await wire.ask("POST", path, chat("say one two"))
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
        let id = try #require(answer.json["id"] as? String)
        #expect(try /chatcmpl-[0-9A-F]{12}/.wholeMatch(in: id) != nil)
        #expect(answer.json["object"] as? String == "chat.completion")
        #expect(answer.json["model"] as? String == "scripted/one")
        #expect(answer.json["created"] is Int)
        let choice = try #require((answer.json["choices"] as? [[String: Any]])?.first)
        #expect(choice["index"] as? Int == 0)
        #expect(choice["finish_reason"] as? String == "stop")
        let message = try #require(choice["message"] as? [String: Any])
        #expect(message["role"] as? String == "assistant")
        #expect(message["content"] as? String == "one two ")
        #expect((answer.json["usage"] as? [String: Any])?["total_tokens"] as? Int == 5)
      }
    }
  }

  @Test("an answer streams where the body or the Accept header asks for it")
  func streams() async throws {
    try await serve { _, wire in
      let asked = try await wire.ask("POST", "/v1/chat/completions", chat("say one two", #","stream":true"#))
      let accepted = try await wire.ask(
        "POST", "/v1/chat/completions", chat("say one two"), headers: ["Accept: text/event-stream"])
      for answer in [asked, accepted] {
        #expect(answer.status == 200)
        #expect(answer.isWhole)
        #expect(answer.headers["content-type"] == "text/event-stream")
        #expect(answer.headers["cache-control"] == "no-cache, no-transform")
        #expect(answer.headers["x-accel-buffering"] == "no")
        let stream = StreamedAnswer(answer.text)
        #expect(stream.kinds == ["role", "content", "content", "finish stop", "[DONE]"])
        #expect(stream.text == "one two ")
        #expect(Set(stream.chunks.map { $0["id"] as? String }).count == 1)
        #expect(stream.chunks.allSatisfy { $0["object"] as? String == "chat.completion.chunk" })
      }
      let usage = try await wire.ask(
        "POST", "/chat/completions", chat("say a", #","stream":true,"stream_options":{"include_usage":true}"#)
      )
      #expect(
        StreamedAnswer(usage.text).kinds == ["role", "content", "finish stop", "usage", "[DONE]"])
    }
  }

  @Test("tools go to the model and its calls come back, whole and streamed")
  func tools() async throws {
    let tools = """
      ,"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}],\
      "tool_choice":"auto"
      """
    try await serve { host, wire in
      let whole = try await wire.ask("POST", "/chat/completions", chat("call", tools))
      let choice = try #require((whole.json["choices"] as? [[String: Any]])?.first)
      #expect(choice["finish_reason"] as? String == "tool_calls")
      let message = try #require(choice["message"] as? [String: Any])
      let call = try #require((message["tool_calls"] as? [[String: Any]])?.first)
      #expect(call["id"] as? String == "c1")
      #expect((call["function"] as? [String: Any])?["arguments"] as? String == #"{"a":1}"#)

      let streamed = try await wire.ask("POST", "/chat/completions", chat("call", tools + #","stream":true"#))
      #expect(StreamedAnswer(streamed.text).kinds == ["role", "tool_calls", "finish tool_calls", "[DONE]"])
      for request in host.model.seen.withLock({ $0.requests }) {
        #expect(request.contains(#""name":"look""#))
        #expect(request.contains(#""tool_choice":"auto""#))
      }
    }
  }

  @Test("what is no request, or one that cannot be served, is told so")
  func refusals() async throws {
    try await serve { host, wire in
      for body in ["", "{", "[]", "null", #"{"model":"scripted/one"}"#, #"{"messages":7}"#, "\u{0}"] {
        let answer = try await wire.ask("POST", "/chat/completions", body)
        #expect(answer.status == 400)
        #expect(
          answer.text == #"{"error":{"message":"Invalid request format","type":"invalid_request_error"}}"#)
      }
      let notText =
        Array(#"{"messages":[{"role":"user","content":""#.utf8) + [0xc3, 0x28] + Array("\"}]}".utf8)
      #expect(try await wire.ask("POST", "/chat/completions", notText).status == 400)
      for more in [#","n":2"#, #","response_format":{"type":"xml"}"#] {
        let answer = try await wire.ask("POST", "/chat/completions", chat("hello", more))
        #expect(answer.status == 400)
        #expect(answer.text.contains(#""type":"invalid_request_error""#))
      }
      #expect(host.model.seen.withLock { $0.requests.isEmpty })

      let unknown = try await wire.ask(
        "POST", "/chat/completions", #"{"model":"nobody","messages":[{"role":"user","content":"hi"}]}"#)
      #expect(unknown.status == 404)
      #expect(unknown.text.contains(#""type":"model_not_found""#))
      for more in ["", #","stream":true"#] {
        let refused = try await wire.ask("POST", "/chat/completions", chat("refuse", more))
        #expect(refused.status == 400)
        #expect(refused.text.contains(#""type":"invalid_request_error""#))
      }
    }
  }

  @Test("a model that dies mid-answer is an error, and never looks like an end")
  func dyingModel() async throws {
    try await serve { _, wire in
      let streamed = try await wire.ask(
        "POST", "/chat/completions", chat("die one two", #","stream":true"#))
      let answer = StreamedAnswer(streamed.text)
      #expect(answer.kinds == ["role", "content", "content", "error", "[DONE]"])
      #expect(answer.text == "one two ")
      #expect(answer.error?.type == "internal_error")
      let whole = try await wire.ask("POST", "/chat/completions", chat("die one two"))
      #expect(whole.status == 500)
      #expect(whole.text.contains(#""type":"internal_error""#))
    }
  }

  @Test("when the caller goes away, the model is stopped", arguments: [true, false])
  func departure(streams: Bool) async throws {
    try await serve { host, wire in
      let request = wire.bytes(
        "POST", "/chat/completions", Array(chat("drone", streams ? #","stream":true"# : "").utf8))
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

  @Test("a key for one agent does not open the models behind it, and none opens nothing")
  func keys() async throws {
    try await WholeHost.serve { host, doors in
      _ = try await host.agent("Ada")
      let key = try await host.key(for: "Ada").text
      for path in ["/chat/completions", "/embeddings"] {
        #expect(try await doors.tcp.ask("POST", path, chat("hi")).status == 401)
        let scoped = try await doors.with(key: key).ask("POST", path, chat("hi"))
        #expect(scoped.status == 403)
        #expect(scoped.text.contains("agent_scope_denied"))
      }
      #expect(host.model.seen.withLock { $0.requests.isEmpty })
    }
  }

  @Test("from another machine models are asked through the channel, unless the owner allows more")
  func fromElsewhere() async throws {
    let refusal = """
      {"error":{"code":"secure_channel_required","message":"This peer requires end-to-end encryption for \
      agent requests. Upgrade Osaurus to a version that supports the secure channel.",\
      "type":"upgrade_required"}}
      """
    try await WholeHost.run { host in
      let key = try await host.key().text
      for path in ["/chat/completions", "/v1/embeddings"] {
        let answer = try await host.fromElsewhere(.post, path, key: key, chat("hi"))
        #expect(answer.status == 426)
        #expect(answer.body == refusal)
        #expect(try await host.fromElsewhere(.post, path, key: nil, chat("hi")).status == 401)
      }
    }
    try await WholeHost.run(environment: ["OSAURUS_ALLOW_PLAINTEXT_CLIENTS": "true"]) { host in
      let key = try await host.key().text
      let answer = try await host.fromElsewhere(.post, "/chat/completions", key: key, chat("say yes"))
      #expect(answer.status == 200)
      let agent = try await host.agent("Ada")
      let run = try await host.fromElsewhere(.post, "/agents/\(agent.id)/run", key: key, chat("hi"))
      #expect(run.status == 426)
      #expect(run.body == refusal)
    }
  }
}
