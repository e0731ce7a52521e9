import Foundation
import HTTPTypes
import Identity
import SecureChannel
import Testing

@testable import Host

/// What `POST /secure/session` answers over a real socket. (spec/01, B4)
@Suite("Handshakes over TCP", .serialized, .timeLimit(.minutes(10)))
struct HandshakeTests {
  private static var unlimited: HostLimits {
    var limits = HostLimits()
    limits.handshakesPerMinute = nil
    limits.connectionsPerSource = 512
    return limits
  }

  /// A hello with members changed; nil leaves one out.
  private func hello(_ agent: Address, _ changes: [String: Any?] = [:]) throws -> [UInt8] {
    let good = ClientHandshake(with: agent).hello
    var members: [String: Any] = [
      "v": 1, "agentAddress": good.agentAddress, "encPub": good.encPub, "nonce": good.nonce,
    ]
    for (name, value) in changes { members[name] = value }
    return Array(try JSONSerialization.data(withJSONObject: members, options: .sortedKeys))
  }

  @Test("a session is opened to whoever asks, and the agent's signature proves who answered")
  func opens() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let wire = WireClient(port: listening.port)
      for path in ["/secure/session", "/v1/secure/session"] {
        let handshake = ClientHandshake(with: host.agent.address)
        let answer = try await wire.ask("POST", path, handshake.hello.encoded())
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "application/json; charset=utf-8")
        #expect(answer.json.keys.sorted() == ["encPub", "expiresAt", "sid", "signature", "v"])
        #expect(answer.json["v"] as? Int == 1)
        #expect(answer.json["expiresAt"] as? Int64 == TestHost.now + 3600)
        #expect((answer.json["signature"] as? String)?.count == 132)
        let hello = try answer.body.withUnsafeBytes { try ServerHello(parsing: $0) }
        #expect(try handshake.finish(hello, now: TestHost.now).agent == host.agent.address)
        let mistaken = ClientHandshake(with: host.otherAgent.address)
        #expect(throws: SecureChannelError.self) { try mistaken.finish(hello, now: TestHost.now) }
      }
      #expect(try await wire.ask("GET", "/secure/session").status == 404)
    }
  }

  @Test(
    "what is no hello is told so, and costs nothing else",
    arguments: [
      "", " ", "{", "null", "[]", "42", "\"text\"", "{}", #"{"v":1}"#, #"{"v":1,"agentAddress":"0x00""#,
      #"{"v":"1","agentAddress":"a","encPub":"b","nonce":"c"}"#,
      #"{"v":1,"agentAddress":1,"encPub":"b","nonce":"c"}"#,
      #"{"v":1,"agentAddress":"a","encPub":null,"nonce":"c"}"#,
      #"{"v":1,"agentAddress":"a","encPub":"b","nonce":["c"]}"#,
      #"{"v":1e400,"agentAddress":"a","encPub":"b","nonce":"c"}"#,
      #"{"v":1,"agentAddress":"a","encPub":"b","nonce":"c"}{}"#,
    ])
  func noHello(body: String) async throws {
    let host = try TestHost(limits: Self.unlimited)
    try await host.serve { listening in
      let answer = try await WireClient(port: listening.port).ask("POST", "/secure/session", body)
      #expect(answer.status == 400)
      #expect(answer.text == #"{"error":"Invalid handshake request"}"#)
    }
  }

  @Test("a hello cut anywhere, or with bytes that are no text, is refused")
  func ruins() async throws {
    let host = try TestHost(limits: Self.unlimited)
    let good = try hello(host.agent.address)
    var ruins = stride(from: 0, to: good.count, by: 7).map { Array(good[..<$0]) }
    ruins.append(good.dropLast() + Array(",\"x\":\"".utf8) + [0xc3, 0x28] + Array("\"}".utf8))
    ruins.append([0xff, 0xfe] + good)
    ruins.append(good + [0])
    ruins.append([UInt8](repeating: 0, count: 1000))
    ruins.append(Array(String(decoding: good, as: UTF8.self).data(using: .utf16) ?? Data()))
    try await host.serve { [ruins] listening in
      let wire = WireClient(port: listening.port)
      for ruin in ruins {
        let answer = try await wire.ask("POST", "/secure/session", ruin)
        #expect(answer.status == 400)
        #expect(answer.text == #"{"error":"Invalid handshake request"}"#)
      }
      #expect(try await wire.ask("POST", "/secure/session", good).status == 200)
    }
  }

  @Test("every field that is not as it has to be gets the refusal that belongs to it")
  func fields() async throws {
    let host = try TestHost(limits: Self.unlimited)
    let agent = host.agent.address
    let stranger = try MasterKey.generate().address
    func encoded(_ count: Int, _ byte: UInt8 = 0) -> String {
      Base64URL.string([UInt8](repeating: byte, count: count))
    }
    let one: [UInt8] = [1] + [UInt8](repeating: 0, count: 31)
    let cases: [(changes: [String: Any?], status: Int, error: String)] = [
      (["v": 0], 400, "Unsupported secure channel version"),
      (["v": 2], 400, "Unsupported secure channel version"),
      (["v": -1], 400, "Unsupported secure channel version"),
      (["agentAddress": stranger.lowercased], 404, "Unknown agent address"),
      (["agentAddress": host.master.address.lowercased], 404, "Unknown agent address"),
      (["agentAddress": ""], 404, "Unknown agent address"),
      (["agentAddress": "0x12"], 404, "Unknown agent address"),
      (["agentAddress": agent.lowercased + "|"], 404, "Unknown agent address"),
      (["encPub": ""], 400, "Malformed handshake"),
      (["encPub": encoded(31, 9)], 400, "Malformed handshake"),
      (["encPub": encoded(33, 9)], 400, "Malformed handshake"),
      (["encPub": "!" + encoded(32, 9).dropFirst()], 400, "Malformed handshake"),
      // Points of small order: whoever uses them knows the shared secret beforehand.
      (["encPub": encoded(32)], 400, "Malformed handshake"),
      (["encPub": Base64URL.string(one)], 400, "Malformed handshake"),
      (["nonce": ""], 400, "Malformed handshake"),
      (["nonce": encoded(15)], 400, "Malformed handshake"),
      (["nonce": "not base64 at all, whatever one tries"], 400, "Malformed handshake"),
      (["nonce": encoded(16) + "|sid=x"], 400, "Malformed handshake"),
      (["agentAddress": agent.checksummed], 200, ""),
      (["agentAddress": agent.lowercased.uppercased().replacing("0X", with: "0x")], 200, ""),
      (["nonce": encoded(300)], 200, ""),
      (["later": "an older peer does not know this member"], 200, ""),
    ]
    let bodies = try cases.map { try hello(agent, $0.changes) }
    let expected = cases.map { ($0.status, $0.error) }
    try await host.serve { listening in
      let wire = WireClient(port: listening.port)
      for (body, (status, error)) in zip(bodies, expected) {
        let answer = try await wire.ask("POST", "/secure/session", body)
        #expect(answer.status == status, "\(String(decoding: body, as: UTF8.self))")
        if status != 200 { #expect(answer.text == #"{"error":"\#(error)"}"#) }
      }
    }
  }

  @Test("64 KiB are read and no more; JSON nests 256 deep and no deeper")
  func bounds() async throws {
    let host = try TestHost(limits: Self.unlimited)
    try await host.serve { listening in
      let wire = WireClient(port: listening.port)
      let full = try await wire.ask("POST", "/secure/session", [UInt8](repeating: 0x61, count: 65_536))
      #expect(full.status == 400)
      let over = try await wire.ask("POST", "/secure/session", [UInt8](repeating: 0x61, count: 65_537))
      #expect(over.status == 413)
      #expect(
        over.text == """
          {"error":{"message":"Request body too large (65537 > 65536 bytes)","type":"payload_too_large"}}
          """)
      func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      }
      let deep = try await wire.ask("POST", "/secure/session", nested(257))
      #expect(deep.status == 400)
      #expect(deep.text.contains("JSON nests deeper than 256 levels"))
      let shallow = try await wire.ask("POST", "/secure/session", nested(256))
      #expect(shallow.text == #"{"error":"Invalid handshake request"}"#)
    }
  }

  @Test("a source has five handshakes a minute, good or bad; others have theirs")
  func rate() async throws {
    let host = try TestHost()
    let good = try hello(host.agent.address)
    try await host.serve { listening in
      let wire = WireClient(port: listening.port)
      for body in [good, Array("garbage".utf8), good, [], good] {
        #expect(try await wire.ask("POST", "/secure/session", body).status != 429)
      }
      for path in ["/secure/session", "/v1/secure/session", "/api/secure/session"] {
        let refused = try await wire.ask("POST", path, good)
        #expect(refused.status == 429)
        #expect(refused.text == #"{"error":"Too many pairing attempts. Try again shortly."}"#)
      }
      let elsewhere = try await host.ask(
        .post, "/secure/session", body: String(decoding: good, as: UTF8.self))
      #expect(elsewhere.status == 200)
      // Calls in a session that is open are not handshakes.
      #expect(try await wire.ask("POST", "/secure/call", "{}").status == 400)
      host.clock.advance(by: 61)
      #expect(try await wire.ask("POST", "/secure/session", good).status == 200)
    }
  }

  @Test("a source that opens session after session loses its own, and nobody else's")
  func flood() async throws {
    var limits = Self.unlimited
    limits.sessions = 8
    limits.sessionsPerSource = 4
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      let wire = WireClient(port: listening.port, key: nil)
      let handshake = ClientHandshake(with: host.agent.address)
      let answer = try await host.ask(
        .post, "/secure/session", body: String(decoding: handshake.hello.encoded(), as: UTF8.self))
      let hello = try Array(answer.body.utf8).withUnsafeBytes { try ServerHello(parsing: $0) }
      let other = try handshake.finish(hello, now: TestHost.now)

      var own: [SealedClient] = []
      for _ in 0..<20 { own.append(try await .open(with: host.agent.address, over: wire)) }
      let statuses = try await own.suffix(5).asyncMap {
        try await $0.post($0.session.seal(.health).body).status
      }
      #expect(statuses == [401, 200, 200, 200, 200])
      #expect(try await wire.ask("POST", "/secure/call", other.seal(.health).body).status == 200)
    }
  }
}

extension InnerRequest {
  static let health = InnerRequest(method: "GET", path: "/health")
}

extension Sequence {
  func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
    var values: [T] = []
    for element in self { values.append(try await transform(element)) }
    return values
  }
}
