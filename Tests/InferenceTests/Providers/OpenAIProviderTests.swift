import Hummingbird
import NIOCore
import SecretMemory
import Testing

@testable import Inference

@Suite("A server that speaks OpenAI's protocol", .timeLimit(.minutes(10)))
struct OpenAIProviderTests {
  private let question = ChatRequest(model: "m", messages: [.user("q")])

  private func texts(_ stream: ChatStream) async throws -> [String] {
    var texts: [String] = []
    for try await chunk in stream { if let text = chunk.delta?.content { texts.append(text) } }
    return texts
  }

  @Test("an answer streams, piece by piece")
  func streams() async throws {
    try await Upstream.with { _ in
      .events([": ping\n\n", chunk("He"), chunk("llo"), chunk("", finish: "stop"), "data: [DONE]\n\n"])
    } run: { upstream in
      let texts = try await texts(upstream.provider().chat(question))
      #expect(texts == ["He", "llo", ""])
      let sent = upstream.seen()[0]
      #expect(sent.method == "POST" && sent.path == "/v1/chat/completions" && sent.authorization == nil)
      #expect(sent.json?["stream"] == true && sent.json?["model"] == "m")
    }
  }

  @Test("an answer without an end is given up")
  func endless() async throws {
    let noise = ByteBuffer(string: ": " + String(repeating: "x", count: 1 << 20) + "\n")
    try await Upstream.with { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          for _ in 0..<200 { try await writer.write(noise) }
          try await writer.finish(nil)
        })
    } run: { upstream in
      let error = await #expect(throws: InferenceError.self) {
        try await texts(upstream.provider().chat(question))
      }
      guard case .badAnswer = error else {
        Issue.record("\(String(describing: error))")
        return
      }
    }
  }

  @Test("an answer cut at every byte is the same answer")
  func streamsBytes() async throws {
    let whole = chunk("a€") + chunk("b", finish: "length") + "data: [DONE]\n\n"
    try await Upstream.with { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          for byte in whole.utf8 { try await writer.write(ByteBuffer(bytes: [byte])) }
          try await writer.finish(nil)
        })
    } run: { upstream in
      let answer = try await upstream.provider().complete(question)
      #expect(answer.choices[0].message.content == .text("a€b"))
      #expect(answer.choices[0].finishReason == "length")
    }
  }

  @Test("a server that does not stream is understood")
  func readsWholeAnswers() async throws {
    try await Upstream.with { _ in
      .json(
        #"{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#
      )
    } run: { upstream in
      let texts = try await texts(upstream.provider().chat(question))
      #expect(texts == ["hi"])
    }
  }

  @Test("the key goes in its header, and a server that repeats it does not get it shown")
  func sendsKey() async throws {
    var bytes = Array("sk-secret".utf8)
    let key = try ProviderKey(SecretBytes(taking: &bytes))
    try await Upstream.with { _ in
      .json(#"{"error":{"message":"Incorrect API key: sk-secret\u0007\nnext"}}"#, status: .unauthorized)
    } run: { upstream in
      let error = await #expect(throws: InferenceError.self) {
        try await upstream.provider(key: key).chat(question)
      }
      #expect(upstream.seen()[0].authorization == "Bearer sk-secret")
      #expect(error == .refused(provider: "Fake", status: 401, message: "Incorrect API key: … next"))
    }
  }

  @Test(
    "an error in the middle of an answer is told as one",
    arguments: [
      #"data: {"error":{"message":"out of memory","code":500}}"#, #"data: {"error":"out of memory"}"#,
    ])
  func reportsErrors(_ event: String) async throws {
    try await Upstream.with { _ in
      .events([chunk("a"), event + "\n\n", "data: [DONE]\n\n"])
    } run: { upstream in
      var iterator = try await upstream.provider().chat(question).makeAsyncIterator()
      #expect(try await iterator.next()?.delta?.content == "a")
      await #expect(throws: InferenceError.failed(provider: "Fake", message: "out of memory")) {
        try await iterator.next()
      }
    }
  }

  @Test("an answer that ends without saying so is a model that died", arguments: [true, false])
  func noticesDeath(_ isClean: Bool) async throws {
    struct Death: Error {}
    try await Upstream.with { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          try await writer.write(ByteBuffer(string: chunk("a")))
          if !isClean { throw Death() }
          try await writer.finish(nil)
        })
    } run: { upstream in
      var iterator = try await upstream.provider().chat(question).makeAsyncIterator()
      #expect(try await iterator.next()?.delta?.content == "a")
      await #expect(throws: InferenceError.modelDied(provider: "Fake")) { try await iterator.next() }
    }
  }

  @Test("an answer that said why it ends is whole without [DONE]")
  func endsWithReason() async throws {
    try await Upstream.with { _ in
      .events([chunk("a"), chunk("", finish: "stop")])
    } run: { upstream in
      let texts = try await texts(upstream.provider().chat(question))
      #expect(texts == ["a", ""])
    }
  }

  enum Leaving: CaseIterable { case cancelling, leavingTheLoop, dropping }

  @Test("going away closes the connection", arguments: Leaving.allCases)
  func closes(_ leaving: Leaving) async throws {
    let closed = Handoff<ContinuousClock.Instant>(capacity: 2)
    try await Upstream.with { _ in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          do {
            while true {
              try await writer.write(ByteBuffer(string: chunk("a")))
              try await Task.sleep(for: .milliseconds(5))
            }
          } catch {
            try? await closed.send(.now)
            throw error
          }
        })
    } run: { upstream in
      let provider = try upstream.provider()
      var left = ContinuousClock.now
      switch leaving {
      case .cancelling:
        let started = Handoff<Int>(capacity: 2)
        let task = Task {
          for try await _ in try await provider.chat(question) { started.finish() }
        }
        _ = try await started.next()
        left = .now
        task.cancel()
      case .leavingTheLoop:
        for try await _ in try await provider.chat(question) { break }
        left = .now
      case .dropping:
        _ = try await provider.chat(question)
        left = .now
      }
      let end = try await closed.next()
      #expect(end.map { left.duration(to: $0) < .seconds(20) } == true)
    }
  }

  @Test("a server that does not answer, and one that stops in the middle, are given up")
  func losesPatience() async throws {
    try await Upstream.with { request in
      Response(
        status: .ok, headers: [.contentType: "text/event-stream"],
        body: ResponseBody { writer in
          if request.json?["model"] == "talks" { try await writer.write(ByteBuffer(string: chunk("a"))) }
          try await Task.sleep(for: .seconds(60))
        })
    } run: { upstream in
      let provider = try upstream.provider(
        patience: .init(firstPiece: .milliseconds(200), nextPiece: .milliseconds(100)))
      for model in ["talks", "is silent"] {
        let request = ChatRequest(model: model, messages: [.user("q")])
        await #expect(throws: InferenceError.timedOut(provider: "Fake")) {
          try await provider.chat(request).collect()
        }
      }
    }
  }

  @Test("nobody there is said as such")
  func saysUnreachable() async throws {
    try await Upstream.with { _ in
      .json("{}")
    } run: { upstream in
      let provider = try OpenAIProvider(
        name: "Gone", url: ServerURL("http://127.0.0.1:1/v1"), client: upstream.client)
      await #expect(throws: InferenceError.unreachable(provider: "Gone")) {
        try await provider.chat(question)
      }
    }
  }

  @Test("a redirect is not followed")
  func staysPut() async throws {
    try await Upstream.with { _ in
      Response(status: .temporaryRedirect, headers: [.location: "http://127.0.0.1:1/v1/models"])
    } run: { upstream in
      let error = await #expect(throws: InferenceError.self) { try await upstream.provider().models() }
      if case .refused(_, 307, _) = error {} else { Issue.record("\(String(describing: error))") }
      #expect(upstream.seen().count == 1)
    }
  }

  @Test("garbage is not an answer", arguments: ["data: {]\n\n", "data: 5\n\n", "data: {\"choices\":3}\n\n"])
  func refusesGarbage(_ text: String) async throws {
    try await Upstream.with { _ in
      .events([text])
    } run: { upstream in
      let error = await #expect(throws: InferenceError.self) {
        try await upstream.provider().chat(question).collect()
      }
      if case .badAnswer = error {} else { Issue.record("\(String(describing: error))") }
    }
  }

  @Test("models are listed, and names that cannot be shown are left out")
  func listsModels() async throws {
    let long = String(repeating: "x", count: 300)
    try await Upstream.with { _ in
      .json(
        #"{"data":[{"id":"a","created":5,"owned_by":"me"},{"id":"b\u001b[1m"},{"id":"\#(long)"},{"id":""},{"id":"c"}]}"#
      )
    } run: { upstream in
      let models = try await upstream.provider().models()
      #expect(
        models == [
          ModelDescription(id: "a", provider: "Fake", created: 5, ownedBy: "me"),
          ModelDescription(id: "c", provider: "Fake", ownedBy: "Fake"),
        ])
    }
  }

  @Test("texts become numbers")
  func embeds() async throws {
    try await Upstream.with { _ in
      .json(
        #"{"object":"list","data":[{"index":0,"embedding":[0.5,-1]}],"model":"e","usage":{"prompt_tokens":2,"total_tokens":2}}"#
      )
    } run: { upstream in
      let response = try await upstream.provider().embed(EmbeddingRequest(model: "e", input: ["a"]))
      #expect(response.data[0].embedding == [0.5, -1])
      #expect(upstream.seen()[0].json == ["model": "e", "input": ["a"]])
    }
  }
}
