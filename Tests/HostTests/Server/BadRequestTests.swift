import Foundation
import Synchronization
import Testing

@testable import Host

/// What a host answers, over a real socket, to bytes that are no decent request.
@Suite("Bad requests over TCP", .serialized, .timeLimit(.minutes(10)))
struct BadRequestTests {
  private static let tail = "Host: localhost\r\nConnection: close\r\n\r\n"

  @Test(
    "a request that could be read in two ways is refused, and the connection with it",
    arguments: [
      "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nhello",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 5\r\n\r\nhello",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
      "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: elsewhere\r\n\r\n",
      "GET /health HTTP/1.1\r\n\r\n",
      "GET /health HTTP/1.1\r\nHost:\r\n\r\n",
      "GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET health HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n",
      "GET /health HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
      "GET /health HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n",
      "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n",
      "nonsense\r\n\r\n",
    ])
  func ambiguous(request: String) async throws {
    let host = try TestHost()
    try await host.serve { listening in
      // What follows must not be taken for a request of its own.
      let answer = try await RawClient.exchange(
        port: listening.port, request + "GET /health HTTP/1.1\r\n" + Self.tail)
      #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"), "\(answer)")
      #expect(answer.lowercased().contains("connection: close"))
      #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "one answer: \(answer)")
    }
    #expect(host.probes.requests.withLock { $0.isEmpty })
  }

  @Test("too many headers, or too much of them, are 431")
  func headers() async throws {
    var limits = HostLimits()
    limits.headerBytes = 20_000
    let host = try TestHost(limits: limits)
    let body =
      #"{"error":{"message":"Request header fields too large","type":"request_header_fields_too_large"}}"#
    try await host.serve { listening in
      func ask(_ fields: String) async throws -> String {
        try await RawClient.exchange(
          port: listening.port, "GET /health HTTP/1.1\r\n" + fields + Self.tail)
      }
      let many = (0..<199).map { "X-\($0): y\r\n" }.joined()
      let tooMany = try await ask(many)
      #expect(tooMany.hasPrefix("HTTP/1.1 431 "))
      #expect(tooMany.hasSuffix(body))
      let enough = (0..<198).map { "X-\($0): y\r\n" }.joined()
      #expect(try await ask(enough).hasPrefix("HTTP/1.1 200 "))
      let long = try await ask("X-Long: " + String(repeating: "y", count: 20_000) + "\r\n")
      #expect(long.hasPrefix("HTTP/1.1 431 "))
      #expect(long.hasSuffix(body))
      let several = (0..<100).map { "X-\($0): \(String(repeating: "y", count: 300))\r\n" }.joined()
      #expect(try await ask(several).hasPrefix("HTTP/1.1 431 "))
    }
  }

  @Test("a body that is announced or sent too large is 413, before any key is looked at")
  func bodies() async throws {
    var limits = HostLimits()
    limits.bodyBytes = 200_000
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      func ask(_ path: String, _ fields: String, _ body: String) async throws -> String {
        try await RawClient.exchange(
          port: listening.port, "POST \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n\(body)")
      }
      func refusal(_ count: Int, _ limit: Int) -> String {
        """
        {"error":{"message":"Request body too large (\(count) > \(limit) bytes)","type":"payload_too_large"}}
        """
      }
      let announced = try await ask("/secure/session", "Content-Length: 65537\r\n", "")
      #expect(announced.hasPrefix("HTTP/1.1 413 "))
      #expect(announced.hasSuffix(refusal(65_537, 65_536)))
      let elsewhere = try await ask("/chat/completions", "Content-Length: 200001\r\n", "")
      #expect(elsewhere.hasSuffix(refusal(200_001, 200_000)))

      let chunk = "10000\r\n" + String(repeating: "a", count: 0x10000) + "\r\n"
      let chunked = try await ask(
        "/v1/secure/session", "Transfer-Encoding: chunked\r\n", chunk + chunk + "0\r\n\r\n")
      #expect(chunked.hasPrefix("HTTP/1.1 413 "))
      #expect(chunked.contains("> 65536 bytes)"))
      let strangers = try await ask(
        "/chat/completions", "Transfer-Encoding: chunked\r\n",
        String(repeating: chunk, count: 4) + "0\r\n\r\n")
      #expect(strangers.hasPrefix("HTTP/1.1 401 "))
      let allowed = try await ask(
        "/chat/completions", "Connection: close\r\nTransfer-Encoding: chunked\r\n", chunk + "0\r\n\r\n")
      #expect(allowed.hasPrefix("HTTP/1.1 401 "))
    }
  }

  @Test(
    "a request that is refused is refused at once, however much it announced and however little it sends",
    arguments: [
      "Content-Length: 1000000\r\n\r\n", "Content-Length: 1000000\r\n\r\nhalf",
      "Transfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ])
  func refusedAtOnce(rest: String) async throws {
    let host = try TestHost()
    try await host.serve { listening in
      for (target, status) in [
        ("POST /chat/completions", 401), ("PUT /secure/call", 404), ("OPTIONS /", 204),
      ] {
        let answer = try await RawClient.exchange(
          port: listening.port, "\(target) HTTP/1.1\r\nHost: localhost\r\n\(rest)")
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        #expect(answer.lowercased().contains("connection: close"))
      }
    }
  }

  @Test("a request that is refused and announced nothing leaves its connection to the next")
  func refusedAndKept() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let answers = try await RawClient.exchange(
        port: listening.port,
        "GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n"
          + "POST /models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
          + "GET /health HTTP/1.1\r\n" + Self.tail
      ).components(separatedBy: "HTTP/1.1 ").map { $0.prefix(3) }
      #expect(answers == ["", "401", "401", "200"])
    }
  }

  @Test("a caller that asks first is told before it sends")
  func expectations() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      try await RawClient.connect(port: listening.port) { client in
        try await client.send(
          """
          POST /chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(host.masterKey)\r\n\
          Expect: 100-continue\r\nContent-Length: 2\r\n\r\n
          """)
        #expect(try await client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100 Continue\r\n"))
        client.clear()
        try await client.send("{}")
        #expect(try await client.read(until: "{}").hasPrefix("HTTP/1.1 200 OK\r\n"))
      }
      let refused = try await RawClient.exchange(
        port: listening.port,
        "POST /models HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
      #expect(refused.hasPrefix("HTTP/1.1 401 "))
    }
  }

  @Test(
    "a Host header must name this host",
    arguments: [
      ("localhost", 200), ("LOCALHOST:1337", 200), ("127.0.0.1:80", 200), ("[::1]:1337", 200),
      ("host.example", 200), ("attacker.example", 403), ("127.0.0.1.attacker.example", 403),
      ("localhost.attacker.example:1337", 403), ("10.1.2.3", 403), ("localhost:13x", 403), ("[::1", 403),
      ("localhost:1337@attacker.example", 403),
    ])
  func hostNames(name: String, status: Int) async throws {
    let host = try TestHost()
    try await host.serve { listening in
      for path in ["/", "/health", "/secure/session"] {
        let answer = try await RawClient.exchange(
          port: listening.port, "GET \(path) HTTP/1.1\r\nHost: \(name)\r\nConnection: close\r\n\r\n")
        let expected = status == 200 && path == "/secure/session" ? 404 : status
        #expect(answer.hasPrefix("HTTP/1.1 \(expected) "), "\(answer)")
      }
    }
  }

  @Test("a web page that is not allowed gets nothing, not even from public routes")
  func webPages() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      for method in ["GET", "OPTIONS"] {
        let answer = try await RawClient.exchange(
          port: listening.port,
          "\(method) /health HTTP/1.1\r\nOrigin: https://attacker.example\r\n" + Self.tail)
        #expect(answer.hasPrefix("HTTP/1.1 403 "))
        #expect(!answer.lowercased().contains("access-control-allow-origin"))
      }
    }
  }

  @Test("this machine's other users are nobody without a key")
  func loopbackIsNotTrusted() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      for path in ["/models", "/agents", "/control/status"] {
        let answer = try await RawClient.exchange(
          port: listening.port, "GET \(path) HTTP/1.1\r\n" + Self.tail)
        #expect(answer.hasPrefix("HTTP/1.1 401 "))
      }
      let withKey = try await RawClient.exchange(
        port: listening.port,
        "GET /models HTTP/1.1\r\nAuthorization: Bearer \(host.masterKey)\r\n" + Self.tail)
      #expect(withKey.hasPrefix("HTTP/1.1 200 "))
    }
  }

  @Test("a key whose signature names an impossible recovery is refused, and the host lives on")
  func impossibleRecovery() async throws {
    let host = try TestHost()
    let key = host.masterKey
    try await host.serve { listening in
      for byte in ["00", "01", "1a", "1d", "1e", "64", "7f", "ff"] {
        let bent = key.dropLast(2) + byte
        let answer = try await RawClient.exchange(
          port: listening.port, "GET /models HTTP/1.1\r\nAuthorization: Bearer \(bent)\r\n" + Self.tail)
        #expect(answer.hasPrefix("HTTP/1.1 401 "), "\(byte)")
      }
      let good = try await RawClient.exchange(
        port: listening.port, "GET /models HTTP/1.1\r\nAuthorization: Bearer \(key)\r\n" + Self.tail)
      #expect(good.hasPrefix("HTTP/1.1 200 "))
    }
  }

  @Test("every answer tells browsers to keep their hands off")
  func securityHeaders() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      for path in ["/", "/models", "/nothing"] {
        let answer = try await RawClient.exchange(
          port: listening.port, "GET \(path) HTTP/1.1\r\n" + Self.tail
        ).lowercased()
        for header in [
          "x-content-type-options: nosniff", "x-frame-options: deny", "referrer-policy: no-referrer",
          "content-security-policy: default-src 'none'", "cache-control: no-store",
        ] {
          #expect(answer.contains(header), "\(header) on \(path)")
        }
      }
    }
  }
}
