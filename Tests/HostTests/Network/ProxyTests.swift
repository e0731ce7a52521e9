import AsyncHTTPClient
import Connector
import Foundation
import Identity
import SecretMemory
import ServiceLifecycle
import Stores
import Synchronization
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#endif

/// A real host, a real proxy to it, and programs that know nothing of either.
@Suite("The proxy to another host", .serialized, .timeLimit(.minutes(10)))
struct ProxyTests {
  private func run(
    isForAgent: Bool = false, gate: ProxyGate = .sameUser, port: Int? = nil,
    _ body:
      @escaping @Sendable (WholeHost, _ wire: WireClient, _ port: Int, ServedProxy.Notes) async throws -> Void
  ) async throws {
    try await ServedProxy.run(isForAgent: isForAgent, gate: gate, peerPort: port) { proxy in
      try await body(proxy.host, proxy.wire, proxy.port, proxy.notes)
    }
  }

  private func chat(_ text: String, _ more: String = "") -> String {
    #"{"model":"scripted/one","messages":[{"role":"user","content":"\#(text)"}]\#(more)}"#
  }

  @Test("models are listed and answer, as OpenAI's and Ollama's clients ask, without a key of theirs")
  func answers() async throws {
    try await run { host, wire, _, notes in
      let models = try await wire.ask("GET", "/v1/models")
      #expect(models.status == 200)
      #expect(models.text.contains("scripted/one"))
      #expect(try await wire.ask("GET", "/api/tags").text.contains("scripted/one"))
      let whole = try await wire.ask("POST", "/v1/chat/completions", chat("say one two"))
      #expect(whole.status == 200)
      #expect(whole.headers["content-type"] == "application/json; charset=utf-8")
      #expect(whole.text.contains("one two "))
      // What a client sends as its key is not passed on.
      let keyed = WireClient(port: wire.port, key: "sk-of-the-client")
      #expect(try await keyed.ask("GET", "/v1/models").status == 200)
      let stream = try await wire.ask("POST", "/v1/chat/completions", chat("say one two", #","stream":true"#))
      #expect(stream.status == 200)
      #expect(stream.isWhole)
      #expect(stream.headers["content-type"] == "text/event-stream")
      #expect(StreamedAnswer(stream.text).text == "one two ")
      #expect(StreamedAnswer(stream.text).kinds.last == "[DONE]")
      let refused = try await wire.ask("POST", "/v1/chat/completions", chat("refuse"))
      #expect(refused.status == 400)
      #expect(try await wire.ask("HEAD", "/v1/models").status == 204)
      withExtendedLifetime((host, notes)) {}
    }
  }

  @Test("what is asked of the host comes through the secure channel alone")
  func sealed() async throws {
    try await run { host, wire, _, _ in
      let agent = try #require(try await host.services.agents.list().first)
      // Only through a channel may an agent be run.
      let run = try await wire.ask("POST", "/agents/\(agent.id)/run", chat("say hello"))
      #expect(run.status == 200)
      #expect(StreamedAnswer(run.text).text == "hello ")
    }
  }

  @Test("words come as the model says them, and a program that leaves stops the model")
  func leaving() async throws {
    try await run { host, wire, _, _ in
      let request = wire.bytes("POST", "/v1/chat/completions", Array(chat("drone", #","stream":true"#).utf8))
      try await wire.connect { client in
        try await client.send(request)
        let begun = try await client.read(until: "drone ")
        #expect(begun.contains("drone "))
        try await client.cut()
      }
      try await host.model.droneStopped.value()
    }
  }

  @Test("a stream that breaks off at the host breaks off here")
  func broken() async throws {
    try await run { _, wire, _, _ in
      let answer = try await wire.ask("POST", "/v1/chat/completions", chat("die one two", #","stream":true"#))
      #expect(answer.text.contains("one "))
      #expect(StreamedAnswer(answer.text).error != nil || !answer.isWhole)
    }
  }

  @Test("web pages, other names of this machine and routes between hosts are refused, and nothing is asked")
  func refusals() async throws {
    try await run { host, wire, port, _ in
      for header in ["Origin: http://localhost:3000", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        let answer = try await wire.ask("POST", "/v1/chat/completions", chat("say a"), headers: [header])
        #expect(answer.status == 403, "\(header)")
        #expect(answer.text.contains("origin_not_allowed"))
        #expect(answer.headers["access-control-allow-origin"] == nil)
      }
      for name in ["evil.example", "127.0.0.1.evil.example", "[::1]", ""] {
        let answer = try await RawClient.exchange(
          port: port, "GET /v1/models HTTP/1.1\r\nHost: \(name)\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 403") || answer.hasPrefix("HTTP/1.1 400"), "\(name): \(answer)")
      }
      for path in ["/secure/session", "/v1/secure/call", "/pair", "/pair/challenge", "/api/pair-invite"] {
        #expect(try await wire.ask("POST", path, "{}").status == 404, "\(path)")
      }
      #expect(host.model.requests.isEmpty)
    }
  }

  @Test(
    "a program of another user is refused, and so is one whose user is not known",
    .enabled(if: NetworkLab.isPossible, "only root can be another user"))
  func otherUsers() async throws {
    try await run { host, _, port, notes in
      for user in ["12345", "65534"] {
        let answer = try await Self.curl(as: user, port, [])
        #expect(answer.contains("other_user"), "\(user): \(answer)")
      }
      let own = try await Self.curl(as: "0", port, [])
      #expect(own.contains("scripted/one"))
      #expect(notes.all.count == 1)
      withExtendedLifetime(host) {}
    }
  }

  @Test("with a token whoever brings it is let in, and nobody else")
  func tokens() async throws {
    var bytes = Array("a-token-of-a-useful-length".utf8)
    guard let gate = ProxyGate(token: SecretBytes(taking: &bytes)) else {
      Issue.record("the token is refused")
      return
    }
    try await run(gate: gate) { _, wire, port, _ in
      let without = try await wire.ask("GET", "/v1/models")
      #expect(without.status == 401)
      for wrong in ["a-token-of-a-useful-lengtH", "a-token-of-a-useful-length2", "x"] {
        #expect(try await WireClient(port: port, key: wrong).ask("GET", "/v1/models").status == 401)
      }
      #expect(
        try await WireClient(port: port, key: "a-token-of-a-useful-length").ask("GET", "/v1/models").status
          == 200)
      if geteuid() == 0 {
        let header = ["-H", "Authorization: Bearer a-token-of-a-useful-length"]
        #expect(try await Self.curl(as: "12345", port, header).contains("scripted/one"))
      }
    }
  }

  @Test("a token has to be long enough")
  func shortToken() {
    for text in ["x", "short", "fifteen-letters", "sixteen letters with spaces"] {
      var bytes = Array(text.utf8)
      let gate = ProxyGate(token: SecretBytes(taking: &bytes))
      #expect(gate == nil, "\(text)")
    }
  }

  @Test("a peer that does not answer is a 502 that says so, and told once")
  func unreachable() async throws {
    try await run(port: 1) { _, wire, _, notes in
      for _ in 0..<2 {
        let answer = try await wire.ask("GET", "/v1/models")
        #expect(answer.status == 502)
        #expect(answer.text.contains("cannot be reached"))
      }
      #expect(notes.all.count == 1)
    }
  }

  @Test("why the host refuses is answered, and told once to whoever runs the proxy")
  func scoped() async throws {
    try await run(isForAgent: true) { _, wire, _, notes in
      for _ in 0..<2 {
        let answer = try await wire.ask("POST", "/v1/embeddings", #"{"model":"x","input":"y"}"#)
        #expect(answer.status == 403)
      }
      #expect(
        notes.all == ["The key is for another agent of the peer; ask its owner for a key for this one."])
    }
  }

  /// Asks for the models as another user.
  private static func curl(as user: String, _ port: Int, _ more: [String]) async throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/setpriv")
    process.arguments =
      ["--reuid", user, "--regid", user, "--clear-groups", "/usr/bin/curl", "-s", "-m", "20"] + more
      + ["http://127.0.0.1:\(port)/v1/models"]
    process.standardOutput = output
    return try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { _ in
        let said = output.fileHandleForReading.readDataToEndOfFile()
        continuation.resume(returning: String(decoding: said, as: UTF8.self))
      }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
  }
}

extension WireClient {
  fileprivate var port: Int {
    if case .port(let port) = place { port } else { 0 }
  }
}
