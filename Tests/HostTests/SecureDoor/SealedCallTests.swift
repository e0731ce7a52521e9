import Foundation
import HTTPTypes
import Identity
import SecureChannel
import Synchronization
import Testing

@testable import Host

/// What `POST /secure/call` answers over a real socket. (spec/01, B5)
@Suite("Sealed calls over TCP", .serialized, .timeLimit(.minutes(10)))
struct SealedCallTests {
  private static var limits: HostLimits {
    var limits = HostLimits()
    limits.handshakesPerMinute = nil
    limits.connectionsPerSource = 512
    return limits
  }

  /// Serves a host and opens a session with its first agent.
  private func converse(
    _ limits: HostLimits = Self.limits, _ body: (TestHost, SealedClient) async throws -> Void
  ) async throws {
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      let wire = WireClient(port: listening.port)
      try await body(host, try await .open(with: host.agent.address, over: wire))
    }
  }

  private func asked(_ host: TestHost) -> Int { host.probes.requests.withLock { $0.count } }

  @Test("a sealed request is answered like any other, and the answer sealed")
  func roundTrip() async throws {
    try await converse { host, client in
      let answer = try await client.ask(
        "POST", "/v1/chat/completions?a=b", key: host.masterKey, body: #"{"a":1}"#)
      #expect(answer.status == 200)
      #expect(answer.text == #"POST /chat/completions?a=b {"a":1}"#)
      #expect(answer.outer.status == 200)
      #expect(answer.outer.headers["content-type"] == "application/json; charset=utf-8")
      #expect(answer.outer.headers["x-osaurus-secure-channel"] == "1")
      #expect(!answer.outer.text.contains("chat"))
      let caller = try #require(host.probes.contexts.withLock { $0.first?.caller })
      #expect(caller.transport == .secureChannel(agent: host.agent.address))
    }
  }

  @Test("the envelope is found behind every prefix, and only by POST")
  func prefixes() async throws {
    try await converse { _, client in
      for path in ["/v1/secure/call", "/api/secure/call", "/v1/api/secure/call"] {
        let answer = try await client.wire.ask("POST", path, client.session.seal(.health).body)
        #expect(answer.status == 200)
      }
      #expect(try await client.wire.ask("GET", "/secure/call").status == 404)
    }
  }

  @Test("the envelope's own key counts for nothing; the one inside is the caller's")
  func keyInside() async throws {
    try await converse { host, client in
      let call = client.session.seal(InnerRequest(method: "GET", path: "/models"))
      var wire = client.wire
      wire.key = host.masterKey
      let outer = try await wire.ask("POST", "/secure/call", call.body)
      #expect(outer.status == 200)
      var opener = call.opener
      #expect(try outer.body.withUnsafeBytes { try opener.openBuffered($0) }.status == 401)
      #expect(asked(host) == 0)
    }
  }

  // MARK: What the channel refuses

  @Test("what is no call is told so")
  func malformed() async throws {
    try await converse { host, client in
      let good = client.call(.health, sequence: 1)
      let text = String(decoding: good, as: UTF8.self)
      var bad = ["", "{", "{}", "null", "[]", "1", #"{"v":1}"#, text + "}", text + text].map {
        Array($0.utf8)
      }
      bad.append(Array(text.replacing("\"seq\":1", with: "\"seq\":-1").utf8))
      bad.append(Array(text.replacing("\"seq\":1", with: "\"seq\":1.5").utf8))
      bad.append(Array(text.replacing("\"seq\":1", with: "\"seq\":\"1\"").utf8))
      bad.append(Array(text.replacing("\"seq\":1", with: "\"seq\":18446744073709551616").utf8))
      bad.append(Array(text.replacing("\"v\":1", with: "\"v\":\"1\"").utf8))
      bad.append(good.dropLast() + Array(",\"x\":\"".utf8) + [0xc3, 0x28] + Array("\"}".utf8))
      bad += stride(from: 1, to: good.count, by: 13).map { Array(good[..<$0]) }
      for body in bad {
        try await client.post(body, gives: .malformed)
      }
      // None of them used the call up.
      try await client.post(good, gives: .done)
      #expect(asked(host) == 1)
    }
  }

  @Test("a call that nests too deep or is too large is refused before it is opened")
  func bounds() async throws {
    var limits = Self.limits
    limits.bodyBytes = 100_000
    try await converse(limits) { _, client in
      let deep = String(repeating: "[", count: 257) + String(repeating: "]", count: 257)
      let answer = try await client.wire.ask("POST", "/secure/call", "{\"v\":1,\"x\":\(deep)}")
      #expect(answer.status == 400)
      #expect(answer.text.contains("JSON nests deeper than 256 levels"))
      let large = try await client.wire.ask(
        "POST", "/secure/call", [UInt8](repeating: 0x20, count: 100_001))
      #expect(large.status == 413)
    }
  }

  @Test("another version, session, ciphertext or number is refused, each with its own code")
  func fields() async throws {
    try await converse { host, client in
      let other = try await SealedClient.open(with: host.agent.address, over: client.wire)
      let good = String(decoding: client.call(.health, sequence: 1), as: UTF8.self)
      func post(_ old: String, _ new: String) async throws -> SealedClient.Outcome {
        try await client.post(Array(good.replacing(old, with: new).utf8))
      }
      #expect(try await post("\"v\":1", "\"v\":2") == .undecryptable)
      #expect(try await post("\"v\":1", "\"v\":0") == .undecryptable)
      #expect(try await post("\"seq\":1", "\"seq\":2") == .undecryptable)
      #expect(try await post("\"seq\":1", "\"seq\":0") == .undecryptable)
      #expect(try await post("\"seq\":1", "\"seq\":18446744073709551615") == .undecryptable)
      #expect(try await post("\"ct\":\"", "\"ct\":\"*") == .undecryptable)
      #expect(try await post("\"ct\":\"", "\"ct\":\"\",\"c\":\"") == .undecryptable)
      // A session of the same source and agent, under which the call was not sealed.
      #expect(try await post(client.session.sid, other.session.sid) == .undecryptable)
      for sid in ["", "x", Base64URL.string([UInt8](repeating: 0, count: 16)), client.session.sid + "A"] {
        #expect(try await post(client.session.sid, sid) == .unknownSession)
      }
      try await client.post(Array(good.utf8), gives: .done)
    }
  }

  @Test("one bit changed anywhere in a call, and nothing inside is done")
  func flippedBits() async throws {
    try await converse { host, client in
      let good = client.call(InnerRequest(method: "GET", path: "/health"), sequence: 1)
      let refusals: Set<SealedClient.Outcome> = [.malformed, .undecryptable, .unknownSession]
      for index in good.indices {
        var bent = good
        bent[index] ^= 1 << (index % 8)
        let outcome = try await client.post(bent)
        #expect(refusals.contains(outcome), "byte \(index): \(outcome)")
      }
      #expect(asked(host) == 0)
      try await client.post(good, gives: .done)
      #expect(asked(host) == 1)
    }
  }

  @Test("a call is done once: replayed, numbered 0 or older than the window, it is refused with 409")
  func replay() async throws {
    try await converse { host, client in
      let first = client.call(.health, sequence: 100)
      try await client.post(first, gives: .done)
      try await client.post(first, gives: .replayed)
      try await client.post(client.call(.health, sequence: 0), gives: .replayed)
      try await client.post(client.call(.health, sequence: 36), gives: .replayed)
      try await client.post(client.call(.health, sequence: 37), gives: .done)
      try await client.post(client.call(.health, sequence: 37), gives: .replayed)
      try await client.post(client.call(.health, sequence: .max), gives: .done)
      for sequence: UInt64 in [1, 99, 100, 101, .max - 64, .max] {
        try await client.post(client.call(.health, sequence: sequence), gives: .replayed)
      }
      try await client.post(client.call(.health, sequence: .max - 63), gives: .done)
      #expect(asked(host) == 4)
    }
  }

  @Test("the same call sent many times at once is done once")
  func replayAtOnce() async throws {
    try await converse { host, client in
      let call = client.call(.health, sequence: 1)
      let outcomes = try await withThrowingTaskGroup(of: SealedClient.Outcome.self) { group in
        for _ in 0..<16 { group.addTask { try await client.post(call) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes.count { $0 == .done } == 1)
      #expect(outcomes.count { $0 == .replayed } == 15)
      #expect(asked(host) == 1)
    }
  }

  @Test("calls of one session may be under way together")
  func atOnce() async throws {
    try await converse { host, client in
      let key = host.masterKey
      try await withThrowingTaskGroup(of: (Int, String).self) { group in
        for number in 0..<32 {
          group.addTask {
            (number, try await client.ask("POST", "/chat/completions", key: key, body: "\(number)").text)
          }
        }
        for try await (number, text) in group { #expect(text == "POST /chat/completions \(number)") }
      }
    }
  }

  @Test("a session ends after an hour")
  func expiry() async throws {
    try await converse { host, client in
      host.clock.advance(by: 3599)
      try await client.post(client.session.seal(.health).body, gives: .done)
      host.clock.advance(by: 1)
      try await client.post(client.session.seal(.health).body, gives: .unknownSession)
    }
  }
}
