import Foundation
import Identity
import Inference
import Stores
import Subprocess
import Synchronization
import Testing

@testable import Host

/// An agent at home, for programs that know of models and nothing else.
@Suite("Agents as models, through the proxy", .serialized, .timeLimit(.minutes(10)))
struct ProxyAgentTests {
  private static let prompt = "You are Ada, who counts."

  private func question(_ text: String, model: String? = "agent/Ada", _ more: String = "") -> String {
    let model = model.map { #""model":"\#($0)","# } ?? ""
    return #"{\#(model)"messages":[{"role":"user","content":"\#(text)"}]\#(more)}"#
  }

  private func complete(_ proxy: ServedProxy, _ body: String) async throws -> WireAnswer {
    try await proxy.wire.ask("POST", "/v1/chat/completions", body)
  }

  private func text(_ answer: WireAnswer) -> String? {
    message(answer)?["content"] as? String
  }

  private func message(_ answer: WireAnswer) -> [String: Any]? {
    (answer.json["choices"] as? [[String: Any]])?.first?["message"] as? [String: Any]
  }

  /// Runs a program that has never heard of a channel.
  private func program(_ name: String, _ arguments: [String]) async throws -> String {
    let result = try await Subprocess.run(
      .name(name), arguments: Arguments(arguments), output: .string(limit: 1 << 20),
      error: .string(limit: 1 << 16))
    #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
    return result.standardOutput
  }

  @Test("with a key for one agent that agent answers, whole and as a stream, by its name or by none")
  func answers() async throws {
    try await ServedProxy.run(isForAgent: true, prompt: Self.prompt) { proxy in
      let ada = try #require(try await proxy.host.services.agents.list().first)
      let models = [
        "agent/Ada", "Ada", "agent/ada", "", "default", ada.id.uuidString.lowercased(),
        try #require(ada.address).checksummed, nil,
      ]
      for model in models {
        let whole = try await complete(proxy, question("say one two", model: model))
        #expect(whole.status == 200, "\(whole.text)")
        #expect(whole.headers["content-type"] == "application/json; charset=utf-8")
        #expect(text(whole) == "one two ")
        #expect(whole.json["object"] as? String == "chat.completion")
        #expect((whole.json["id"] as? String)?.hasPrefix("chatcmpl-") == true)
        #expect((whole.json["usage"] as? [String: Any])?["total_tokens"] as? Int == 5)
        let choice = (whole.json["choices"] as? [[String: Any]])?.first
        #expect(choice?["finish_reason"] as? String == "stop")
        #expect(proxy.host.model.requests.last?.contains(Self.prompt) == true)
      }
      let stream = try await complete(proxy, question("say one two", #","stream":true"#))
      #expect(stream.status == 200 && stream.isWhole)
      #expect(stream.headers["content-type"] == "text/event-stream")
      #expect(StreamedAnswer(stream.text).text == "one two ")
      #expect(StreamedAnswer(stream.text).kinds.suffix(2) == ["finish stop", "[DONE]"])
      let accepting = try await proxy.wire.ask(
        "POST", "/v1/chat/completions", question("say one"), headers: ["Accept: text/event-stream"])
      #expect(StreamedAnswer(accepting.text).text == "one ")
      let called = try await complete(proxy, question("call"))
      let calls = message(called)?["tool_calls"] as? [[String: Any]]
      #expect((calls?.first?["function"] as? [String: Any])?["name"] as? String == "look")
      #expect(message(called)?["content"] is NSNull)
      #expect(proxy.notes.all.isEmpty)
    }
  }

  @Test("curl and Python's own HTTP client get whole answers, streams and lists")
  func ordinaryPrograms() async throws {
    try await ServedProxy.run(isForAgent: true) { proxy in
      let base = "http://127.0.0.1:\(proxy.port)"
      let post = [
        "-sS", "-m", "60", "-N", "-H", "Content-Type: application/json", "-H",
        "Authorization: Bearer sk-none",
      ]
      let whole = try await program(
        "curl", post + ["-d", question("say one two"), base + "/v1/chat/completions"])
      #expect(whole.contains(#""content":"one two ""#), "\(whole)")
      let stream = try await program(
        "curl", post + ["-d", question("say one two", #","stream":true"#), base + "/v1/chat/completions"])
      #expect(StreamedAnswer(stream).text == "one two " && stream.hasSuffix("data: [DONE]\n\n"), "\(stream)")
      let script = """
        import http.client, json, sys
        to = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
        def ask(method, path, body=None):
            to.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
            return to.getresponse()
        model = json.load(ask("GET", "/v1/models"))["data"][0]["id"]
        assert json.load(ask("GET", "/api/tags"))["models"][0]["name"] == model
        said = [{"role": "user", "content": "say three four"}]
        whole = json.load(ask("POST", "/v1/chat/completions", {"model": model, "messages": said}))
        print(model, whole["choices"][0]["message"]["content"])
        stream = ask("POST", "/v1/chat/completions", {"model": model, "messages": said, "stream": True})
        for line in stream:
            line = line.decode().strip()
            if line.startswith("data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    print(choice["delta"].get("content") or "", end="")
            elif line == "data: [DONE]":
                print("end")
        """
      let python = try await program("python3", ["-c", script, "\(proxy.port)"])
      #expect(python == "agent/Ada three four \nthree four end\n")
    }
  }

  @Test(
    "a key for one agent lists that agent alone; a key for the host lists the models, and the agents after them"
  )
  func lists() async throws {
    try await ServedProxy.run(isForAgent: true) { proxy in
      _ = try await proxy.host.agent("Bob")
      let models = try await proxy.wire.ask("GET", "/v1/models")
      #expect((models.json["data"] as? [[String: Any]])?.map { $0["id"] as? String } == ["agent/Ada"])
      #expect(models.json["object"] as? String == "list")
      let tags = try await proxy.wire.ask("GET", "/api/tags")
      #expect((tags.json["models"] as? [[String: Any]])?.map { $0["name"] as? String } == ["agent/Ada"])
    }
    try await ServedProxy.run { proxy in
      _ = try await proxy.host.agent("Bob")
      let models = try await proxy.wire.ask("GET", "/v1/models?x=1")
      let ids = (models.json["data"] as? [[String: Any]])?.compactMap { $0["id"] as? String } ?? []
      #expect(ids.first == "scripted/one" && Set(ids) == ["scripted/one", "agent/Ada", "agent/Bob"])
      let tags = try await proxy.wire.ask("GET", "/api/tags")
      let names = (tags.json["models"] as? [[String: Any]])?.compactMap { $0["name"] as? String } ?? []
      #expect(Set(names) == Set(ids))
    }
  }

  @Test("a key for the host reaches every agent by its name, and a model without an agent's words")
  func wholeHost() async throws {
    try await ServedProxy.run(prompt: Self.prompt) { proxy in
      _ = try await proxy.host.agent("Bob", prompt: "You are Bob.")
      #expect(text(try await complete(proxy, question("say one", model: "agent/Bob"))) == "one ")
      #expect(proxy.host.model.requests.last?.contains("You are Bob.") == true)
      #expect(text(try await complete(proxy, question("say one", model: "agent/Ada"))) == "one ")
      #expect(proxy.host.model.requests.last?.contains(Self.prompt) == true)
      #expect(text(try await complete(proxy, question("say one", model: "scripted/one"))) == "one ")
      #expect(proxy.host.model.requests.last?.contains("You are") == false)
      // One that is made later, and one that there is not.
      _ = try await proxy.host.agent("Cleo", prompt: "You are Cleo.")
      #expect(text(try await complete(proxy, question("say one", model: "agent/Cleo"))) == "one ")
      #expect(try await complete(proxy, question("say one", model: "agent/Nobody")).status == 404)
      _ = try await proxy.host.ask("DELETE", "/control/agents/Cleo")
      #expect(try await complete(proxy, question("say one", model: "agent/Cleo")).status == 404)
      _ = try await proxy.host.agent("Cleo", prompt: "You are Cleo the second.")
      #expect(text(try await complete(proxy, question("say one", model: "agent/Cleo"))) == "one ")
      #expect(proxy.host.model.requests.last?.contains("Cleo the second") == true)
    }
  }

  @Test("a key for one agent reaches no other, whatever model is named, and what it may not is refused")
  func scope() async throws {
    try await ServedProxy.run(isForAgent: true, prompt: Self.prompt) { proxy in
      let bob = try await proxy.host.agent("Bob", prompt: "You are Bob.")
      let names = [
        "agent/Bob", "Bob", bob.id.uuidString, "agent/\(bob.id.uuidString)", "agent/../Bob", "gpt-x",
      ]
      for model in names {
        let whole = try await complete(proxy, question("say one", model: model))
        #expect(whole.status == 404, "\(model): \(whole.text)")
        #expect((whole.json["error"] as? [String: Any])?["type"] as? String == "model_not_found")
        let stream = try await complete(proxy, question("say one", model: model, #","stream":true"#))
        #expect(StreamedAnswer(stream.text).error?.type == "model_not_found")
      }
      #expect(!proxy.host.model.requests.contains { $0.contains("You are Bob.") })
      // A model of the host's is one that the agent may think with.
      #expect(text(try await complete(proxy, question("say one", model: "scripted/one"))) == "one ")
      #expect(proxy.host.model.requests.last?.contains(Self.prompt) == true)
      let direct = try await proxy.wire.ask("POST", "/agents/\(bob.id)/run", question("say one"))
      #expect(direct.status == 403)
      #expect(try await proxy.wire.ask("POST", "/v1/embeddings", #"{"model":"x","input":"y"}"#).status == 403)
    }
  }

  @Test("what is wrong with a request or an answer comes as OpenAI's clients read it")
  func failures() async throws {
    try await ServedProxy.run(isForAgent: true) { proxy in
      for (body, status) in [
        ("", 400), ("[]", 400), ("{}", 400), (#"{"model":"agent/Ada"}"#, 400),
        (question("say a", #","n":2"#), 400),
        (question("refuse"), 400), (question("die one"), 500),
      ] {
        let answer = try await complete(proxy, body)
        #expect(answer.status == status, "\(body): \(answer.text)")
        let detail = answer.json["error"] as? [String: Any]
        #expect(
          (detail?["message"] as? String)?.isEmpty == false && detail?["type"] is String, "\(answer.text)")
      }
      // Of a stream that breaks off, its beginning is shown, and that it broke off.
      let broken = try await complete(proxy, question("die one two", #","stream":true"#))
      #expect(StreamedAnswer(broken.text).text == "one two ")
      #expect(StreamedAnswer(broken.text).error != nil || !broken.isWhole)
    }
  }

  @Test("a program that leaves while an agent's answer is put together stops the model")
  func leaving() async throws {
    try await ServedProxy.run(isForAgent: true) { proxy in
      let request = proxy.wire.bytes("POST", "/v1/chat/completions", Array(question("drone").utf8))
      try await proxy.wire.connect { client in
        try await client.send(request)
        try await proxy.host.model.droneStarted.value()
        try await client.cut()
      }
      try await proxy.host.model.droneStopped.value()
    }
  }

  @Test(
    "who reads slowly slows the model down and no other; neither proxy nor host gathers what is not read, and the answer is whole in the end"
  )
  func backPressure() async throws {
    try await ServedProxy.run(isForAgent: true) { proxy in
      let model = proxy.host.model
      // 40 MiB, of which nobody reads a byte while another answer of as much goes through. What the sockets on the
      // way hold, the system decides: it was 23 MiB.
      let (slow, fast) = (1280, 1281)
      let size = ScriptedModelServer.pouredPiece.utf8.count
      let request = proxy.wire.bytes(
        "POST", "/v1/chat/completions", Array(question("pour \(slow)", #","stream":true"#).utf8))
      try await proxy.wire.connect { client in
        try await client.send(request)
        _ = try await client.read(until: "assistant")
        let other = try await complete(proxy, question("pour \(fast)", #","stream":true"#))
        #expect(other.isWhole && StreamedAnswer(other.text).text.utf8.count == fast * size)
        let waiting = model.poured.withLock { $0[slow] ?? 0 }
        #expect(waiting < slow * 3 / 4, "\(waiting) pieces were taken")
        _ = try await client.rest()
        let answer = try WireAnswer(client.bytes)
        #expect(answer.isWhole && answer.events.last == "[DONE]")
        #expect(StreamedAnswer(answer.text).text.utf8.count == slow * size)
      }
    }
  }
}
