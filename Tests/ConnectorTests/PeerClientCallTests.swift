import Foundation
import SecureChannel
import Testing

@testable import Connector

@Suite("Calls to a peer", .timeLimit(.minutes(10)))
struct PeerClientCallTests {
  @Test("a call arrives as it was made, with the key inside alone, and its answer as it was given")
  func roundTrip() async throws {
    let answer = Array(#"{"data":[]}"#.utf8)
    try await TestPeer.onCall { _ in
      .whole(status: 201, contentType: "application/json", body: answer)
    }.run { peer, http in
      let client = try peer.client(http)
      let question = Array("a question nobody else may read".utf8)
      let given = try await client.send("POST", "/agents/a/run?x=1", body: question)
      #expect(given == PeerAnswer(status: 201, contentType: "application/json", body: answer))
      let request = try #require(peer.requests.first)
      #expect(
        request
          == InnerRequest(
            method: "POST", path: "/agents/a/run?x=1", authorization: "Bearer \(peer.keyText)",
            accept: "application/json", contentType: "application/json", body: question))
    }
  }

  @Test("a request without a body names no type for it")
  func withoutBody() async throws {
    try await TestPeer.run { peer, http in
      let answer = try await peer.client(http).send("GET", "/models", body: nil)
      #expect(answer.body.isEmpty)
      #expect(peer.requests.first?.contentType == nil)
      #expect(peer.requests.first?.body == nil)
    }
  }

  @Test("neither question, answer nor key is on the wire, not even encoded")
  func sealed() async throws {
    let answer = "an answer nobody else may read"
    try await TestPeer.onCall { request in
      request.accept == "text/event-stream"
        ? .stream([answer], .fin) : .whole(status: 200, contentType: nil, body: Array(answer.utf8))
    }.run { peer, http in
      let client = try peer.client(http)
      let question = "a question nobody else may read"
      _ = try await client.send("POST", "/agents/a/run", body: Array(question.utf8))
      for try await _ in try await client.stream("POST", "/agents/a/run", body: Array(question.utf8)) {}
      let wire = Data(peer.wire)
      #expect(wire.range(of: Data("/secure/call".utf8)) != nil)
      for text in [
        question, answer, peer.keyText, String(peer.keyText.split(separator: ".")[1]), "/agents/a",
      ] {
        #expect(wire.range(of: Data(text.utf8)) == nil)
        // Base64 of a text shows two thirds of it whatever precedes it. That of a short one may come about by chance.
        for skipped in 0..<3 where text.count > 20 {
          let encoded = Data(text.utf8.dropFirst(skipped)).base64EncodedString().prefix(text.count - 6)
          #expect(wire.range(of: Data(encoded.utf8)) == nil)
        }
      }
      #expect(wire.range(of: Data("uthorization".utf8)) == nil)
    }
  }

  @Test("a connection that breaks after the call was sent is no reason to send it again")
  func lost() async throws {
    try await TestPeer.onCall { _ in .cut }.run { peer, http in
      let client = try peer.client(http)
      await #expect(throws: ConnectorError.lost) { try await client.send("POST", "/run", body: [1]) }
      await #expect(throws: ConnectorError.lost) { try await client.stream("POST", "/run", body: [1]) }
      #expect(peer.requests.count == 2)
      #expect(peer.posts == ["/secure/session", "/secure/call", "/secure/call"])
    }
  }

  @Test("a peer that stays silent after the call was sent is given up, and not asked again")
  func silent() async throws {
    let gate = Gate()
    try await TestPeer.onCall { _ in
      await gate.pass()
      return .cut
    }.run { peer, http in
      var limits = PeerLimits()
      limits.answer = .milliseconds(50)
      let client = try peer.client(http, limits: limits)
      await #expect(throws: ConnectorError.silent(seconds: 0)) {
        try await client.send("POST", "/run", body: nil)
      }
      gate.open()
      #expect(peer.posts.count { $0 == "/secure/call" } <= 1)
    }
  }

  @Test(
    "an answer from outside of the channel is an error and is not repeated",
    arguments: [
      (301, "", ConnectorError.Kind.redirected), (307, "", .redirected), (308, "", .redirected),
      (409, "secure_replay", .replayed), (409, "other", .rejected),
      (426, "secure_channel_required", .upgradeRequired),
      (429, "", .busy), (503, "", .busy), (400, "secure_decrypt_failed", .rejected), (404, "", .rejected),
      (204, "", .rejected),
    ])
  func outside(status: Int, code: String, kind: ConnectorError.Kind) async throws {
    try await TestPeer.onCall { _ in
      .plain(
        status: status, headers: [("location", "http://127.0.0.1:1/secure/call")],
        body: status == 204 ? [] : Array(#"{"error":{"code":"\#(code)","message":"why"}}"#.utf8))
    }.run { peer, http in
      let client = try peer.client(http)
      let error = await #expect(throws: ConnectorError.self) {
        try await client.send("POST", "/run", body: nil)
      }
      #expect(error?.kind == kind)
      #expect(peer.requests.count == 1)
      #expect(peer.handshakes == 1)
    }
  }

  @Test("an answer in plain text is not taken for one", arguments: ["{}", "", "hello", #"{"status":200}"#])
  func plaintext(body: String) async throws {
    try await TestPeer.onCall { _ in
      .plain(status: 200, headers: [("content-type", "application/json")], body: Array(body.utf8))
    }.run { peer, http in
      let client = try peer.client(http)
      await #expect(throws: ConnectorError.tampered) { try await client.send("GET", "/models", body: nil) }
      await #expect(throws: ConnectorError.tampered) { try await client.stream("GET", "/models", body: nil) }
    }
  }

  @Test("an answer that is larger than the limit is refused")
  func oversized() async throws {
    try await TestPeer.onCall { _ in
      .whole(status: 200, contentType: nil, body: [UInt8](repeating: 1, count: 4096))
    }.run { peer, http in
      var limits = PeerLimits()
      limits.answerBytes = 4096
      let client = try peer.client(http, limits: limits)
      await #expect(throws: ConnectorError.answerTooLarge) {
        try await client.send("GET", "/models", body: nil)
      }
    }
  }

  @Test("an inner refusal is an answer to send, and an error to stream")
  func refused() async throws {
    let body = Array(
      #"{"error":{"code":"agent_scope_denied","message":"Not\u001b this agent","type":"t"}}"#.utf8)
    try await TestPeer.onCall { _ in
      .whole(status: 403, contentType: "application/json", body: body)
    }.run { peer, http in
      let client = try peer.client(http)
      #expect(try await client.send("POST", "/run", body: nil).status == 403)
      await #expect(
        throws: ConnectorError.refused(status: 403, code: "agent_scope_denied", message: "Not this agent")
      ) { try await client.stream("POST", "/run", body: nil) }
    }
  }

  @Test("a refusal that repeats the key is shown without it")
  func redacted() async throws {
    try await TestPeer.onCall { request in
      let message = "no such key: \(request.authorization ?? "")"
      return .whole(
        status: 400, contentType: nil, body: Array(#"{"error":"bad","message":"\#(message)"}"#.utf8))
    }.run { peer, http in
      let client = try peer.client(http)
      await #expect(
        throws: ConnectorError.refused(status: 400, code: "bad", message: "no such key: Bearer …")
      ) { try await client.stream("POST", "/run", body: nil) }
    }
  }

  @Test("a stream where one piece was asked for is collected, if it is complete")
  func collected() async throws {
    try await TestPeer.onCall { request in
      .stream(["one ", "two"], request.path == "/whole" ? .fin : .withoutFin)
    }.run { peer, http in
      let client = try peer.client(http)
      let answer = try await client.send("POST", "/whole", body: nil)
      #expect(answer.body == Array("one two".utf8))
      await #expect(throws: ConnectorError.streamTruncated) {
        try await client.send("POST", "/cut", body: nil)
      }
    }
  }

  @Test("a cancelled call ends at once")
  func cancelled() async throws {
    let (arrived, gate) = (Gate(), Gate())
    try await TestPeer.onCall { _ in
      arrived.open()
      await gate.pass()
      return .cut
    }.run { peer, http in
      let client = try peer.client(http)
      let call = Task { try await client.send("POST", "/run", body: nil) }
      await arrived.pass()
      call.cancel()
      await #expect(throws: CancellationError.self) { try await call.value }
      gate.open()
    }
  }
}
