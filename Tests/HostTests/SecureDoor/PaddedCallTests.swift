import Foundation
import HTTPTypes
import Hummingbird
import Identity
import SecureChannel
import Synchronization
import Testing

@testable import Host

/// Padding as a host does it, over a real socket.
@Suite("Padded calls over TCP", .serialized, .timeLimit(.minutes(10)))
struct PaddedCallTests {
  private static let asking = HTTPField.Name("X-Osaurus-Padding")!
  private static let another = HTTPField.Name("X-More")!

  private func converse(_ body: (TestHost, SealedClient) async throws -> Void) async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let wire = WireClient(port: listening.port)
      try await body(host, try await .open(with: host.agent.address, over: wire))
    }
  }

  /// Sends a call; gives it, what came back, and what opens that.
  private func post(
    _ client: SealedClient, _ request: InnerRequest, isPadded: Bool
  ) async throws -> (sent: Int, outer: WireAnswer, opener: ResponseOpener) {
    let (call, opener) = client.session.seal(request, isPadded: isPadded)
    let outer = try await client.wire.ask("POST", "/secure/call", call)
    #expect(outer.status == 200)
    return (call.count, outer, opener)
  }

  private func opened(_ answer: (sent: Int, outer: WireAnswer, opener: ResponseOpener)) throws
    -> InnerResponse
  {
    var opener = answer.opener
    return try answer.outer.body.withUnsafeBytes { try opener.openBuffered($0) }
  }

  @Test("a host offers padding to whoever asks for it inside the channel, and to nobody else")
  func offer() async throws {
    try await converse { host, client in
      for (value, offered) in [("1", 1), ("2", nil), (nil, nil)] as [(String?, Int?)] {
        let request = InnerRequest(
          method: "GET", path: "/health", headers: value.map { ["X-Osaurus-Padding": $0, "X-More": "yes"] })
        let answer = try opened(try await post(client, request, isPadded: false))
        #expect(answer.status == 200 && answer.padding == offered)
      }
      // No route hears of it.
      let seen = host.probes.requests.withLock { $0 }
      #expect(seen.allSatisfy { $0.headers[Self.asking] == nil })
      #expect(seen.contains { $0.headers[Self.another] == "yes" })
    }
  }

  @Test("padded questions and answers of different lengths look alike, and others are as long as ever")
  func whole() async throws {
    try await converse { host, client in
      var (sent, came, plainly): (Set<Int>, Set<Int>, Set<Int>) = ([], [], [])
      // With the key, a question of these lengths has between 512 and 1023 bytes, and its answer fewer.
      for words in [100, 150, 200].map({ String(repeating: "b", count: $0) }) {
        let request = InnerRequest(
          method: "GET", path: "/models?\(words.count)", authorization: "Bearer \(host.masterKey)",
          body: Array(words.utf8))
        let answer = try await post(client, request, isPadded: true)
        let inner = try opened(answer)
        #expect(inner.status == 200 && inner.padding == nil)
        #expect(inner.body.map { String(decoding: $0, as: UTF8.self) }?.hasSuffix(words) == true)
        sent.insert(answer.sent)
        came.insert(answer.outer.body.count)
        let plain = try await post(client, request, isPadded: false)
        #expect(try opened(plain).body == inner.body)
        plainly.insert(plain.outer.body.count)
      }
      #expect(sent.count == 1 && came.count == 1 && plainly.count == 3)
    }
  }

  @Test("every piece of a padded stream is as long as the next, its end included")
  func streamed() async throws {
    try await converse { host, client in
      let request = InnerRequest(
        method: "POST", path: "/stream", authorization: "Bearer \(host.masterKey)",
        accept: "text/event-stream")
      let answer = try await post(client, request, isPadded: true)
      var (opener, decoder) = (answer.opener, EventStreamDecoder())
      let frames = try decoder.feed(answer.outer.body)
      let pieces = try frames.map { frame in
        String(decoding: try frame.withUnsafeBytes { try opener.open($0) }, as: UTF8.self)
      }
      #expect(pieces == ["data: one\n\n", "data: two\n\n", "data: [DONE]\n\n", ""] && opener.isFinished)
      #expect(Set(frames.dropLast().map(\.count)).count == 1)
      // The last one says so, in clear.
      #expect(frames.last?.count == (frames.first?.count ?? 0) + #","fin":true"#.utf8.count)
    }
  }

  @Test(
    "a program that knows nothing of it is answered through a padded channel as through any",
    arguments: [true, false])
  func proxy(isForAgent: Bool) async throws {
    try await ServedProxy.run(isForAgent: isForAgent, isPadded: true) { proxy in
      #expect(try await proxy.wire.ask("GET", "/v1/models").text.contains("agent/Ada"))
      let question = #"{"model":"agent/Ada","messages":[{"role":"user","content":"say one two"}]"#
      for more in ["}", #","stream":false}"#] {
        let answer = try await proxy.wire.ask("POST", "/api/chat", question + more)
        #expect(answer.isWhole && AnsweredLines(answer.text).text == "one two ", "\(answer.text)")
      }
      let stream = try await proxy.wire.ask("POST", "/v1/chat/completions", question + #","stream":true}"#)
      #expect(StreamedAnswer(stream.text).text == "one two ")
      #expect(proxy.notes.all.isEmpty)
    }
  }

  @Test("a refusal is padded too, and a call whose padding is bad is refused")
  func refusals() async throws {
    try await converse { _, client in
      let request = InnerRequest(method: "GET", path: "/models")
      #expect(try opened(try await post(client, request, isPadded: true)).status == 401)
      try await client.post(
        client.call(Array(#"{"method":"GET","path":"/models"}"#.utf8) + [0x80, 0], sequence: 40),
        gives: .malformedInside)
    }
  }
}
