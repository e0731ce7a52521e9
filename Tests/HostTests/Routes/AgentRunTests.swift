import Foundation
import Identity
import Synchronization
import Testing

@testable import Host

@Suite("Running an agent, over TCP", .serialized, .timeLimit(.minutes(10)))
struct AgentRunTests {
  /// Serves a host with an agent, Ada, and gives a caller with a key to her alone.
  private func serve(
    _ body: @escaping @Sendable (WholeHost, ControlAgent, WireClient) async throws -> Void
  ) async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada", prompt: "You are Ada.")
      try await body(host, ada, doors.with(key: try await host.key(for: "Ada").text))
    }
  }

  private func chat(_ text: String, _ more: String = "") -> String {
    #"{"model":"","messages":[{"role":"user","content":"\#(text)"}]\#(more)}"#
  }

  @Test("the answer is a stream of the chunks that clients know, whatever was asked for")
  func sequence() async throws {
    try await serve { host, ada, wire in
      let address = try #require(ada.address).lowercased
      for path in ["/agents/\(ada.id)/run", "/v1/agents/\(address)/run", "/api/agents/\(ada.id)/run"] {
        for more in ["", #","stream":false"#, #","stream":true"#] {
          let answer = try await wire.ask("POST", path, chat("say one two", more))
          #expect(answer.status == 200)
          #expect(answer.isWhole)
          #expect(answer.headers["content-type"] == "text/event-stream")
          #expect(answer.headers["cache-control"] == "no-cache, no-transform")
          #expect(answer.headers["x-accel-buffering"] == "no")
          let stream = StreamedAnswer(answer.text)
          #expect(stream.kinds == ["role", "content", "content", "finish stop", "[DONE]"])
          #expect(stream.text == "one two ")
          let first = try #require(answer.events.first)
          let start = try /\{"id":"chatcmpl-[0-9A-F]{12}","object":"chat.completion.chunk","created":[0-9]+,/
            .prefixMatch(in: first)
          let rest = first[(try #require(start)).range.upperBound...]
          #expect(
            rest == """
              "model":"scripted/one","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}
              """)
        }
      }
    }
  }

  @Test("the agent's instructions come first, and its own model is asked unless another is named")
  func instructions() async throws {
    try await serve { host, ada, wire in
      _ = try await wire.ask("POST", "/agents/\(ada.id)/run", chat("say yes"))
      let request = try #require(host.model.seen.withLock { $0.requests.first })
      let object = try JSONSerialization.jsonObject(with: Data(request.utf8)) as? [String: Any]
      #expect(object?["model"] as? String == "scripted/one")
      let messages = try #require(object?["messages"] as? [[String: Any]])
      #expect(messages.map { $0["role"] as? String } == ["system", "user"])
      #expect(messages.map { $0["content"] as? String } == ["You are Ada.", "say yes"])

      let byName = try await wire.ask(
        "POST", "/agents/\(ada.id)/run", chat("hi").replacing(#""model":"""#, with: #""model":"default""#))
      #expect(StreamedAnswer(byName.text).kinds.last == "[DONE]")
      let unknown = try await wire.ask(
        "POST", "/agents/\(ada.id)/run", chat("hi").replacing(#""model":"""#, with: #""model":"nobody""#))
      let answer = StreamedAnswer(unknown.text)
      #expect(answer.kinds == ["error", "[DONE]"])
      #expect(answer.error?.type == "model_not_found")
    }
  }

  @Test("tool calls come through")
  func tools() async throws {
    try await serve { host, ada, wire in
      let tools = #","tools":[{"type":"function","function":{"name":"look","parameters":{}}}]"#
      let answer = try await wire.ask("POST", "/agents/\(ada.id)/run", chat("call", tools))
      let stream = StreamedAnswer(answer.text)
      #expect(stream.kinds == ["role", "tool_calls", "finish tool_calls", "[DONE]"])
      #expect(answer.text.contains(#""name":"look""#))
      #expect(host.model.seen.withLock { $0.requests.first?.contains(#""name":"look""#) } == true)
    }
  }

  @Test("a model's refusal and its death are told in the stream, without an end that looks good")
  func failures() async throws {
    try await serve { _, ada, wire in
      let refused = StreamedAnswer(try await wire.ask("POST", "/agents/\(ada.id)/run", chat("refuse")).text)
      #expect(refused.kinds == ["error", "[DONE]"])
      #expect(refused.error?.type == "invalid_request_error")
      let dead = StreamedAnswer(try await wire.ask("POST", "/agents/\(ada.id)/run", chat("die one")).text)
      #expect(dead.kinds == ["role", "content", "error", "[DONE]"])
      #expect(dead.text == "one ")
      #expect(dead.error?.type == "internal_error")
    }
  }

  @Test("what is no request, or for no agent, is refused in the words that clients know")
  func refusals() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let wire = doors.with(key: try await host.key().text)
      func expect(
        _ name: String, _ body: String, _ status: Int, _ text: String,
        sourceLocation: SourceLocation = #_sourceLocation
      ) async throws {
        let answer = try await wire.ask("POST", "/agents/\(name)/run", body)
        #expect(answer.status == status, sourceLocation: sourceLocation)
        #expect(answer.text == text, sourceLocation: sourceLocation)
      }
      for body in ["", "{", "[]", #"{"messages":1}"#] {
        try await expect(ada.id.uuidString, body, 400, "Invalid request format")
      }
      let builtIn = """
        {"error":"built_in_agent_not_exposable","message":"Built-in agent \
        00000000-0000-0000-0000-000000000001 is not reachable from http/agents/run. Built-in agents \
        (including the Default agent) are only available inside the Osaurus app."}
        """
      try await expect("default", chat("hi"), 403, builtIn)
      try await expect("00000000-0000-0000-0000-000000000001", chat("hi"), 403, builtIn)
      try await expect(
        "Ada", chat("hi"), 400, #"{"error":"invalid_agent_id","message":"Invalid agent UUID in path"}"#)
      try await expect(
        UUID().uuidString, chat("hi"), 404,
        #"{"error":"agent_not_found","message":"No agent found for the given ID"}"#)
      let two = try await wire.ask("POST", "/agents/\(ada.id)/run", chat("hi", #","n":2"#))
      #expect(two.status == 400)
      #expect(two.json["error"] as? String == "invalid_request")
      #expect(try await doors.tcp.ask("POST", "/agents/\(ada.id)/run", chat("hi")).status == 401)
      #expect(host.model.seen.withLock { $0.requests.isEmpty })
    }
  }

  @Test("a key for one agent runs no other, and says nothing of whether there is one")
  func scope() async throws {
    try await serve { host, _, wire in
      let bob = try await host.agent("Bob")
      for name in [bob.id.uuidString, bob.address?.checksummed ?? "", UUID().uuidString, "default"] {
        let answer = try await wire.ask("POST", "/agents/\(name)/run", chat("hi"))
        #expect(answer.status == 403)
        #expect(answer.json["error"] as? String == "agent_scope_denied")
      }
      #expect(host.model.seen.withLock { $0.requests.isEmpty })
    }
  }

  @Test("when every place is taken the next is told to come back, in the words of its route")
  func admission() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let wire = doors.with(key: try await host.key().text)
      let paths = ["/agents/\(ada.id)/run", "/chat/completions", "/embeddings"]
      let body = chat("say yes", #","input":"x""#)
      func statuses() async throws -> [WireAnswer] {
        try await paths.asyncMap { try await wire.ask("POST", $0, body) }
      }
      let admission = host.services.admission
      var places = (0..<admission.limit).compactMap { _ in admission.enter(for: .owner) }
      #expect(places.count == 12)
      let message = "Server is at inference capacity (12 concurrent requests). Retry shortly."
      let refused = try await statuses()
      #expect(refused.map(\.status) == [503, 503, 503])
      #expect(refused.map { $0.headers["retry-after"] } == ["1", "1", "1"])
      #expect(refused[0].text == #"{"error":"server_overloaded","message":"\#(message)"}"#)
      for answer in refused.dropFirst() {
        #expect(answer.text == #"{"error":{"message":"\#(message)","type":"server_overloaded"}}"#)
      }
      places.removeAll()
      for _ in 0..<5 { #expect(try await statuses().map(\.status) == [200, 200, 200]) }
    }
  }

  @Test("however much one key asks for, the owner and other keys are answered")
  func reserve() async throws {
    try await serve { host, ada, wire in
      let other = try await host.key(for: "Ada").text
      let path = "/agents/\(ada.id)/run"
      let drone = wire.bytes("POST", path, Array(chat("drone").utf8))
      let request = chat("say yes")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<host.services.admission.limitPerKey {
          group.addTask {
            try await wire.connect { client in
              try await client.send(drone)
              _ = try await client.rest()
            }
          }
        }
        while host.services.admission.count < host.services.admission.limitPerKey { await Task.yield() }
        var others = wire
        others.key = other
        let statuses = [
          try await wire.ask("POST", path, request).status,
          try await others.ask("POST", path, request).status,
          try await host.owner.send("POST", path, body: Array(request.utf8)).status,
        ]
        #expect(statuses == [503, 200, 200])
        group.cancelAll()
      }
    }
  }

  @Test("streams that end, break or are left give their place back")
  func placesComeBack() async throws {
    try await serve { host, ada, wire in
      for script in ["say a", "die a", "refuse"] {
        _ = try await wire.ask("POST", "/agents/\(ada.id)/run", chat(script))
      }
      let request = wire.bytes("POST", "/agents/\(ada.id)/run", Array(chat("drone").utf8))
      try await wire.connect { client in
        try await client.send(request)
        _ = try await client.read(until: "drone")
        #expect(host.services.admission.count == 1)
      }
      try await host.model.droneStopped.value()
      while host.services.admission.count > 0 { await Task.yield() }
    }
  }
}
