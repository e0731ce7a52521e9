import Foundation
import Identity
import SecureChannel
import Testing

@testable import Host

/// How streams are sealed, over a real socket. (spec/01, B6)
@Suite("Sealed streams over TCP", .serialized, .timeLimit(.minutes(10)))
struct SealedStreamTests {
  /// Serves a host and opens a session with its first agent.
  private func converse(_ body: (TestHost, SealedClient) async throws -> Void) async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let wire = WireClient(port: listening.port)
      try await body(host, try await .open(with: host.agent.address, over: wire))
    }
  }

  @Test("every piece of a stream is a frame of its own, and its end is sealed")
  func frames() async throws {
    try await converse { host, client in
      let answer = try await client.stream("/stream", key: host.masterKey)
      #expect(answer.pieces == ["data: one\n\n", "data: two\n\n", "data: [DONE]\n\n", ""])
      #expect(answer.isFinished)
      #expect(answer.outer.status == 200)
      #expect(answer.outer.isWhole)
      #expect(answer.outer.headers["content-type"] == "text/event-stream")
      #expect(answer.outer.headers["x-osaurus-secure-channel"] == "1")
      #expect(answer.outer.headers["content-length"] == nil)
      #expect(!answer.outer.text.contains("DONE"))
      let frames = answer.outer.events
      #expect(frames.count == 4)
      #expect(frames.dropLast().allSatisfy { !$0.contains("fin") })
      #expect(frames.last?.contains(#""fin":true"#) == true)
    }
  }

  @Test("a stream whose handler dies has no sealed end, and the connection is cut")
  func dying() async throws {
    try await converse { host, client in
      let answer = try await client.stream("/dying-stream", key: host.masterKey)
      #expect(answer.pieces == ["data: half\n\n"])
      #expect(!answer.isFinished)
      #expect(!answer.outer.isWhole)
    }
  }

  @Test("a refusal comes as one frame, also to a caller who wanted a stream")
  func refusal() async throws {
    try await converse { host, client in
      let request = InnerRequest(method: "POST", path: "/stream", accept: "text/event-stream")
      let (call, opener) = client.session.seal(request)
      let outer = try await client.wire.ask(
        "POST", "/secure/call", call, headers: ["Accept: text/event-stream"])
      #expect(outer.status == 200)
      #expect(outer.headers["content-type"] == "application/json; charset=utf-8")
      var reader = opener
      #expect(try outer.body.withUnsafeBytes { try reader.openBuffered($0) }.status == 401)
    }
  }

  @Test("JSON lines stream to a caller who takes frames, and come whole to one who does not")
  func lines() async throws {
    try await converse { host, client in
      let streamed = try await client.stream("/lines", key: host.masterKey)
      #expect(streamed.pieces == ["{\"a\":1}\n", ""])
      #expect(streamed.isFinished)
      #expect(streamed.outer.headers["content-type"] == "text/event-stream")
      let whole = try await client.ask("POST", "/lines", key: host.masterKey)
      #expect(whole.status == 200)
      #expect(whole.text == "{\"a\":1}\n")
    }
  }

  @Test("frames of one answer do not open as those of another")
  func crossed() async throws {
    try await converse { host, client in
      func sealed() async throws -> (WireAnswer, ResponseOpener) {
        let request = InnerRequest(
          method: "POST", path: "/stream", authorization: "Bearer \(host.masterKey)")
        let (call, opener) = client.session.seal(request)
        return (try await client.wire.ask("POST", "/secure/call", call), opener)
      }
      let (first, _) = try await sealed()
      var (_, opener) = try await sealed()
      var decoder = EventStreamDecoder()
      let frame = try #require(try decoder.feed(first.body).first)
      #expect(throws: SecureChannelError.decryptionFailed) {
        try frame.withUnsafeBytes { try opener.open($0) }
      }
    }
  }

  @Test("when the caller of a sealed stream goes away, the work stops")
  func departure() async throws {
    try await converse { host, client in
      let request = InnerRequest(
        method: "POST", path: "/endless", authorization: "Bearer \(host.masterKey)")
      let bytes = client.wire.bytes("POST", "/secure/call", client.session.seal(request).body)
      let left = try await client.wire.connect { raw in
        try await raw.send(bytes)
        _ = try await raw.read(until: "data: {")
        return ContinuousClock.now
      }
      try await host.probes.cancelled.value()
      #expect(ContinuousClock.now - left < .promptly)
    }
  }
}
