import Identity
import NIOCore
import NIOHTTP1
import Testing

@testable import Relay

/// Requests on their way through a relay, and their answers.
@Suite("Requests through a relay", .timeLimit(.minutes(2)))
struct RelayedRequestTests {
  private static let ada = TestKey.make(1)
  private static let name = RelayLab.name(of: ada.address)

  @Test("method, path, headers and body reach the host, and its answer comes back")
  func whole() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      async let answer = Caller.ask(
        lab, .POST, "/agents/x/run?stream=0&a=%20b", host: Self.name,
        headers: [
          "Content-Type": "application/json", "Authorization": "Bearer x", "X-Two": "1", "x-two": "2",
        ],
        body: ByteBuffer(string: #"{"é":"/"}"#))
      let request = try await host.request()
      #expect(request.method == "POST" && request.path?.text == "/agents/x/run?stream=0&a=%20b")
      #expect(
        request.headers.fields == [
          "content-type": "application/json", "authorization": "Bearer x", "x-two": "1, 2",
          "content-length": "10",
          "x-agent-address": Self.ada.address.lowercased, "x-forwarded-for": "127.0.0.1",
        ])
      #expect(String(buffer: request.body) == #"{"é":"/"}"#)
      try await host.say(
        .answer(
          RelayAnswer(
            id: request.id, status: 418, headers: ["content-type": "text/plain", "x-a": "b"],
            body: ByteBuffer(string: "tea"))))
      let got = try await answer
      #expect(got.status == 418 && got.text == "tea")
      #expect(got.headers.first(name: "x-a") == "b" && got.headers.first(name: "content-length") == "3")
      #expect(got.headers.first(name: "access-control-allow-origin") == "*")
      #expect(got.headers.first(name: "access-control-expose-headers") == "*")
    }
  }

  @Test("an agent is reached by its path below the relay's own name, too")
  func pathForm() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      for (path, inner) in [
        ("/x?y", "/x?y"), ("", "/"), ("/", "/"), ("?q=1", "/?q=1"), ("/health", "/health"),
      ] {
        async let answer = Caller.ask(lab, .GET, "/a/\(Self.ada.address.checksummed)\(path)")
        let request = try await host.request()
        #expect(request.path?.text == inner)
        try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
        #expect(try await answer.status == 200)
      }
    }
  }

  @Test("bytes that are no text come through as they are, both ways")
  func binary() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let bytes = ByteBuffer(bytes: (0...255).map { UInt8($0) })
      async let answer = Caller.ask(lab, .PUT, "/", host: Self.name, body: bytes)
      let request = try await host.request()
      #expect(request.body == bytes)
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200, body: bytes)))
      #expect(try await answer.body == bytes)
    }
  }

  @Test("bytes that are no text are not handed to a host that would read them as text")
  func binaryToOldHosts() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada], features: [])
      let refused = try await Caller.ask(lab, .PUT, "/", host: Self.name, body: ByteBuffer(bytes: [0xff]))
      #expect(refused.status == 502 && refused.text == #"{"error":"binary_unsupported"}"#)
      async let answer = Caller.ask(lab, .PUT, "/", host: Self.name, body: ByteBuffer(string: "é"))
      let request = try await host.request()
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await answer.status == 200)
    }
  }

  @Test("one connection carries many requests, and one tunnel many at a time, in any order")
  func manyAtOnce() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var caller = try await Caller.connect(lab)
      for number in 0..<5 {
        try await caller.send(.GET, "/\(number)", host: Self.name)
        let request = try await host.request()
        try await host.say(
          .answer(
            RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: request.path?.text ?? ""))))
        #expect(try await caller.answer().text == "/\(number)")
      }
      try await withThrowingTaskGroup(of: Bool.self) { tasks in
        for number in 0..<20 {
          tasks.addTask {
            try await Caller.ask(lab, .GET, "/\(number)", host: Self.name).text == "/\(number)"
          }
        }
        var requests: [RelayRequest] = []
        while requests.count < 20 { requests.append(try await host.request()) }
        for request in requests.reversed() {
          try await host.say(
            .answer(
              RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: request.path?.text ?? ""))))
        }
        for try await isOwn in tasks { #expect(isOwn) }
      }
    }
  }

  @Test("what only the relay may say cannot be said by a caller, nor what belongs to its own connection")
  func headersToHost() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      async let answer = Caller.ask(
        lab, .GET, "/", host: Self.name,
        headers: [
          "Cookie": "a=b", "Proxy-Authorization": "x", "X-Forwarded-For": "1.2.3.4",
          "X-Forwarded-Proto": "https",
          "X-Forwarded-Host": "x", "X-Forwarded-Port": "1", "X-Real-IP": "1.2.3.4",
          "Forwarded": "for=1.2.3.4",
          "Fly-Client-IP": "1.2.3.4", "CF-Connecting-IP": "1.2.3.4", "X-Agent-Address": "0x00",
          "X-Osaurus-Relay-Origin": "0", "X-Osaurus-Agent-Id": "x", "TE": "trailers", "Keep-Alive": "5",
          "Connection": "keep-alive, x-mine", "X-Mine": "1", "X-Yours": "2",
        ])
      let request = try await host.request()
      #expect(
        request.headers.fields == [
          "x-yours": "2", "x-agent-address": Self.ada.address.lowercased, "x-forwarded-for": "127.0.0.1",
        ])
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await answer.status == 200)
    }
  }

  @Test("what belongs to the host's connection, and marks of its own, do not reach the caller")
  func headersToCaller() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      async let answer = Caller.ask(lab, host: Self.name)
      let request = try await host.request()
      try await host.say(
        .answer(
          RelayAnswer(
            id: request.id, status: 200,
            headers: [
              "connection": "close, x-mine", "x-mine": "1", "transfer-encoding": "chunked",
              "content-length": "99",
              "keep-alive": "x", "upgrade": "x", "te": "x", "trailer": "x", "proxy-authenticate": "x",
              "x-osaurus-secure-channel": "1", "x-forwarded-for": "x",
              "access-control-allow-origin": "https://a", "set-cookie": "a=b", "clear-site-data": "*",
              "strict-transport-security": "max-age=1", "alt-svc": "h3", "service-worker-allowed": "/",
              "x-yours": "2",
            ], body: ByteBuffer(string: "ok"))))
      let got = try await answer
      #expect(got.text == "ok")
      #expect(
        Set(got.headers.map { $0.name.lowercased() }) == [
          "content-length", "x-yours", "access-control-allow-origin", "access-control-expose-headers",
        ])
      #expect(got.headers.first(name: "access-control-allow-origin") == "*")
    }
  }

  @Test("a browser's question beforehand is answered by the relay")
  func preflight() async throws {
    try await RelayLab.run { lab in
      let answer = try await Caller.ask(lab, .OPTIONS, "/x", host: Self.name)
      #expect(answer.status == 204 && answer.headers.first(name: "access-control-max-age") == "86400")
      #expect(answer.headers.first(name: "access-control-allow-origin") == "*")
      #expect(
        answer.headers.first(name: "access-control-allow-headers")
          == "content-type, authorization, x-request-id")
    }
  }

  @Test("statuses that have no body are passed on without one, and hurt nobody", arguments: [204, 205, 304])
  func noBody(status: Int) async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var caller = try await Caller.connect(lab)
      for _ in 0..<2 {
        try await caller.send(.DELETE, "/tasks/1", host: Self.name)
        let request = try await host.request()
        try await host.say(
          .answer(RelayAnswer(id: request.id, status: status, body: ByteBuffer(string: "a body"))))
        let answer = try await caller.answer()
        #expect(answer.status == status && answer.text.isEmpty)
      }
      try await caller.send(.DELETE, "/tasks/1", host: Self.name)
      let request = try await host.request()
      try await host.say(.streamStart(RelayAnswerHead(id: request.id, status: status)))
      #expect(try await caller.answer().status == status)
    }
  }

  @Test("an answer to HEAD has no body, and the connection goes on")
  func head() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var raw = try await RawCaller.connect(lab)
      try await raw.send("HEAD /models HTTP/1.1\r\nhost: \(Self.name)\r\n\r\n")
      var request = try await host.request()
      try await host.say(
        .answer(
          RelayAnswer(id: request.id, status: 200, headers: ["content-length": "7"], body: ByteBuffer())))
      #expect(await raw.read(until: "\r\n\r\n").contains("content-length: 7\r\n"))
      try await raw.send("GET /models HTTP/1.1\r\nhost: \(Self.name)\r\nconnection: close\r\n\r\n")
      request = try await host.request()
      try await host.say(
        .answer(RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: "models!"))))
      let (text, _) = await raw.rest()
      #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.hasSuffix("\r\n\r\nmodels!"))
    }
  }

  @Test(
    "a status that is none is an error of that answer alone",
    arguments: [0, -1, 100, 101, 199, 600, 999, Int(Int32.max), Int.max, Int.min])
  func badStatus(status: Int) async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var caller = try await Caller.connect(lab)
      try await caller.send(host: Self.name)
      var request = try await host.request()
      try await host.say(.answer(RelayAnswer(id: request.id, status: status)))
      let answer = try await caller.answer()
      #expect(answer.status == 502 && answer.text == #"{"error":"invalid_response"}"#)
      try await caller.send(host: Self.name)
      request = try await host.request()
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await caller.answer().status == 200)
    }
  }

  @Test(
    "an agent that is not here, one whose tunnel ends, and one that does not answer, each have their error")
  func absent() async throws {
    let settings = RelayLab.settings { $0.limits.answerTimeout = .milliseconds(300) }
    try await RelayLab.run(settings) { lab in
      let offline = try await Caller.ask(lab, host: Self.name)
      #expect(offline.status == 502 && offline.text == #"{"error":"agent_offline"}"#)
      #expect(!offline.headers.contains(name: "access-control-allow-origin"))
      var host = try await TestHost.authenticated(lab, [Self.ada])
      async let late = Caller.ask(lab, host: Self.name)
      let request = try await host.request()
      let timeout = try await late
      #expect(timeout.status == 504 && timeout.text == #"{"error":"gateway_timeout"}"#)
      // The host is told to stop, and what it says all the same changes nothing.
      #expect(try await host.frame() == .cancel(request.id))
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      try await host.say(.streamChunk(request.id, ByteBuffer(string: "x")))
      try await eventually { lab.board.statistics.snapshot().events[.lateFrame] == 2 }
      async let cut = Caller.ask(lab, host: Self.name)
      _ = try await host.request()
      await host.close()
      let closed = try await cut
      #expect(closed.status == 502 && closed.text == #"{"error":"tunnel_closed"}"#)
    }
  }

  @Test("an answer to a question that was never asked ends that tunnel, and no other")
  func unasked() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var liar = try await TestHost.authenticated(lab, [TestKey.make(2)])
      async let answer = Caller.ask(lab, host: Self.name)
      let request = try await host.request()
      // Not even the name of another's request helps.
      try await liar.say(.answer(RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: "lies"))))
      #expect(try await liar.closing() == "1008")
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: "truth"))))
      #expect(try await answer.text == "truth")
    }
  }

  @Test("when the caller leaves, the host is told, so that its work stops")
  func departure() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let caller = try await Caller.connect(lab)
      try await caller.send(host: Self.name)
      let request = try await host.request()
      await caller.close()
      #expect(try await host.frame() == .cancel(request.id))
    }
  }
}
