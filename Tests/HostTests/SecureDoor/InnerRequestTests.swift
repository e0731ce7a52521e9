import Foundation
import HTTPTypes
import Hummingbird
import Identity
import SecureChannel
import Synchronization
import Testing

@testable import Host

/// What may stand inside an envelope, and what becomes of it, over a real socket. (spec/01, B5 and B6)
@Suite("Inner requests over TCP", .serialized, .timeLimit(.minutes(10)))
struct InnerRequestTests {
  /// Serves a host and opens a session with its first agent.
  private func converse(_ body: (TestHost, SealedClient) async throws -> Void) async throws {
    var limits = HostLimits()
    limits.handshakesPerMinute = nil
    limits.connectionsPerSource = 512
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      let wire = WireClient(port: listening.port)
      try await body(host, try await .open(with: host.agent.address, over: wire))
    }
  }

  @Test("no envelope inside an envelope, and no handshake, however it is spelled")
  func nesting() async throws {
    let paths = [
      "/secure", "/secure/", "/secure/call", "/secure/session", "/secure/call?a=b", "/v1/secure/call",
      "/api/secure/session", "/v1/api/secure/call", "/v1/v1/secure/call", "/api/v1/secure/session",
      "//secure/call", "/./secure/call", "/x/../secure/call", "/v1//secure/session", "/SECURE/call",
      "/Secure/Session", "/%73ecure/call", "/%2573ecure/call", "/secure%2Fcall", "/secure\\call",
      "/v1/%2e/secure/call", "/%2fsecure/call",
    ]
    try await converse { host, client in
      let key = host.masterKey
      for (index, path) in paths.enumerated() {
        for method in ["POST", "GET"] {
          let request = InnerRequest(
            method: method, path: path, authorization: "Bearer \(key)", body: Array("{}".utf8))
          let call = client.call(request, sequence: UInt64(index * 2 + (method == "POST" ? 1 : 2)))
          try await client.post(call, gives: .malformedInside)
          try await client.post(call, gives: .replayed)
        }
      }
      #expect(host.probes.requests.withLock { $0.isEmpty })
    }
  }

  @Test("what is sealed but no request is refused, and its number is used up")
  func malformed() async throws {
    func request(_ method: String, _ path: String, _ more: [String: Any] = [:]) throws -> [UInt8] {
      let members = more.merging(["method": method, "path": path]) { own, _ in own }
      return Array(try JSONSerialization.data(withJSONObject: members))
    }
    var texts = ["", "{", "{}", "null", "[]", "7", #"{"method":"GET"}"#, #"{"path":"/health"}"#]
      .map { Array($0.utf8) }
    for path in ["", "health", "http://localhost/health", "*", "/a b", "/health\r\nX: y", "/héalth"] {
      texts.append(try request("GET", path))
    }
    texts.append(try request("GET", "/" + String(repeating: "a", count: 70_000)))
    for method in ["", "GE T", "GET\r\n", "G\u{0}T", "Ü"] { texts.append(try request(method, "/health")) }
    for (name, value) in [("Bad Name", "x"), ("", "x"), ("X", "a\r\nHost: b"), ("X", "a\u{0}")] {
      texts.append(try request("GET", "/health", ["headers": [name: value]]))
    }
    texts.append(try request("GET", "/health", ["headers": ["a": ["b": 1]]]))
    for name in ["authorization", "accept", "contentType"] {
      texts.append(try request("GET", "/health", [name: "a\r\nHost: b"]))
    }
    for body in ["*", "A", "AB=C"] { texts.append(try request("POST", "/health", ["body": body])) }
    texts.append(Array(#"{"method":"GET","path":"/health","x":""#.utf8) + [0xc3, 0x28] + Array("\"}".utf8))
    try await converse { [texts] host, client in
      for (index, text) in texts.enumerated() {
        let call = client.call(text, sequence: UInt64(index + 1))
        try await client.post(call, gives: .malformedInside)
        try await client.post(call, gives: .replayed)
      }
      #expect(host.probes.requests.withLock { $0.isEmpty })
    }
  }

  @Test("a method is matched in any case")
  func methodCase() async throws {
    try await converse { host, client in
      let answer = try await client.ask("gEt", "/models", key: host.masterKey)
      #expect(answer.text == "GET /models ")
    }
  }

  @Test("inner headers cannot say anything about the connection, the length, the caller or a relay")
  func reservedHeaders() async throws {
    try await converse { host, client in
      let key = host.masterKey
      let forbidden = [
        "Host": "attacker.example", "content-length": "9999", "Transfer-Encoding": "chunked",
        "Connection": "upgrade", "UPGRADE": "h2c", "X-Osaurus-Relay-Origin": "1", "TE": "trailers",
        "Trailer": "X", "Expect": "100-continue", "Keep-Alive": "timeout=5", "Accept": "a/b",
        "Content-Type": "c/d", "Authorization": "Bearer \(key)",
      ]
      let refused = try await client.ask("GET", "/models", headers: forbidden)
      #expect(refused.status == 401)
      #expect(host.probes.requests.withLock { $0.isEmpty })

      var headers = forbidden
      headers["X-Session-Id"] = "abc"
      headers["User-Agent"] = "inner"
      let answer = try await client.ask(
        "POST", "/chat/completions", key: key, body: "12345", headers: headers)
      #expect(answer.text == "POST /chat/completions 12345")
      let head = try #require(host.probes.requests.withLock { $0.first?.head })
      #expect(head.authority == "localhost")
      #expect(head.headerFields[.contentLength] == "5")
      #expect(head.headerFields[.authorization] == "Bearer \(key)")
      #expect(head.headerFields[.userAgent] == "inner")
      #expect(head.headerFields[HTTPField.Name("X-Session-Id")!] == "abc")
      let names = Set(head.headerFields.map(\.name.canonicalName))
      #expect(names == ["content-length", "authorization", "user-agent", "x-session-id"])
    }
  }

  @Test("the relay's mark on the envelope does not reach what is inside")
  func relayMark() async throws {
    try await converse { host, client in
      let request = InnerRequest(method: "GET", path: "/models", authorization: "Bearer \(host.masterKey)")
      _ = try await client.wire.ask(
        "POST", "/secure/call", client.session.seal(request).body,
        headers: ["X-Osaurus-Relay-Origin: 1", "User-Agent: outer"])
      let head = try #require(host.probes.requests.withLock { $0.first?.head })
      #expect(head.headerFields[.relayOrigin] == nil)
      #expect(head.headerFields[.userAgent] == "outer")
    }
  }

  @Test("refusals of what is inside are sealed whole, under an outer 200")
  func innerRefusals() async throws {
    try await converse { host, client in
      let (master, agent) = (host.masterKey, host.agentKey)
      let denied = """
        {"error":"agent_scope_denied","message":"This access key is not scoped to the requested agent."}
        """
      let cases: [(method: String, path: String, key: String?, status: Int, text: String)] = [
        (
          "GET", "/models", nil, 401,
          #"{"error":{"message":"Invalid access key: Unrecognized token format","type":"authentication_error"}}"#
        ),
        ("GET", "/agents/second", agent, 403, denied),
        ("POST", "/agents/second/run", agent, 403, denied),
        ("POST", "/chat/completions", agent, 403, denied),
        ("GET", "/nothing", master, 404, "Not Found"),
        ("GET", "/control/status", master, 404, "Not Found"),
        ("DELETE", "/agents/first", master, 404, "Not Found"),
        ("POST", "/agents/first/run", agent, 200, "POST /agents/first/run "),
        (
          "GET", "/broken", master, 500,
          #"{"error":{"message":"Internal server error","type":"internal_error"}}"#
        ),
      ]
      for (method, path, key, status, text) in cases {
        let answer = try await client.ask(method, path, key: key)
        #expect(answer.outer.status == 200)
        #expect(answer.outer.headers["content-type"] == "application/json; charset=utf-8")
        #expect(answer.status == status, "\(method) \(path)")
        #expect(answer.text == text)
      }
    }
  }

  @Test("bodies inside have the bounds of the route that they are for")
  func innerBounds() async throws {
    try await converse { host, client in
      let large = String(repeating: "a", count: 65_537)
      for path in ["/pair", "/v1/pair-invite"] {
        let answer = try await client.ask("POST", path, key: host.masterKey, body: large)
        #expect(answer.status == 413)
        #expect(answer.text.contains("(65537 > 65536 bytes)"))
      }
      let chat = try await client.ask("POST", "/chat/completions", key: host.masterKey, body: large)
      #expect(chat.status == 200)
      let deep = String(repeating: "[", count: 257) + String(repeating: "]", count: 257)
      let nested = try await client.ask("POST", "/chat/completions", key: host.masterKey, body: deep)
      #expect(nested.status == 400)
      #expect(nested.text.contains("JSON nests deeper than 256 levels"))
    }
  }

  @Test("from another machine an agent runs inside the channel, where in the clear it would not")
  func fromElsewhere() async throws {
    try await converse { host, client in
      let plain = try await host.ask(.post, "/agents/first/run", key: host.agentKey)
      #expect(plain.status == 426)
      let request = InnerRequest(
        method: "POST", path: "/agents/first/run", authorization: "Bearer \(host.agentKey)")
      let (call, opener) = client.session.seal(request)
      let sealed = try await host.ask(
        .post, "/secure/call", body: String(decoding: call, as: UTF8.self), from: TestHost.network)
      var reader = opener
      let inner = try Array(sealed.body.utf8).withUnsafeBytes { try reader.openBuffered($0) }
      #expect(inner.status == 200)
    }
  }
}
