import Identity
import NIOCore
import Testing

@testable import Relay

/// What a relay says, byte for byte, and what is no frame.
@Suite("Frames of a relay")
struct RelayFrameTests {
  private static let address = TestKey.make(1).address
  private static let nonce = TunnelNonce(String(repeating: "0f", count: 32))!
  private static let id = RequestID("5f3c0b1e-7d3b-4a61-9d5e-2f0f6f9f6a11")!
  private static let agent = RegisteredAgent(
    address: address, url: "https://\(address.lowercased).relay.test")

  private static let known: [(RelayFrame, String)] = [
    (.challenge(nonce), #"{"nonce":"\#(nonce.text)","type":"challenge"}"#),
    (
      .challenge(nonce, [.flow, .window, .base64, .cancel, .bound]),
      #"{"features":["base64","bound","cancel","flow","window"],"nonce":"\#(nonce.text)","type":"challenge"}"#
    ),
    (
      .authenticated([agent]),
      #"{"agents":[{"address":"\#(address.lowercased)","url":"\#(agent.url)"}],"type":"auth_ok"}"#
    ),
    (
      .authenticated([], rejected: [RejectedAgent(address: address, reason: .alreadyRegistered)]),
      #"{"agents":[],"rejected":[{"address":"\#(address.lowercased)","reason":"already_registered"}],"type":"auth_ok"}"#
    ),
    (.authError(.invalidNonce), #"{"error":"invalid_nonce","type":"auth_error"}"#),
    (
      .agentAdded(agent),
      #"{"address":"\#(address.lowercased)","type":"agent_added","url":"\#(agent.url)"}"#
    ),
    (.agentRemoved(address), #"{"address":"\#(address.lowercased)","type":"agent_removed"}"#),
    (.ping(12), #"{"ts":12,"type":"ping"}"#),
    (.error(.maxAgentsReached), #"{"error":"max_agents_reached","type":"error"}"#),
    (.cancel(id), #"{"id":"\#(id)","type":"cancel"}"#),
    (.pause(id), #"{"id":"\#(id)","type":"pause"}"#),
    (.resume(id), #"{"id":"\#(id)","type":"resume"}"#),
    (.window(id, 1_310_720), #"{"id":"\#(id)","type":"window","window":1310720}"#),
    (.window(id, .max), #"{"id":"\#(id)","type":"window","window":9223372036854775807}"#),
    (
      .request(RelayRequest(id: id, method: "GET", path: RelayPath("/"), window: 1 << 20)),
      #"{"body":"","headers":{},"id":"\#(id)","method":"GET","path":"/","type":"request","window":1048576}"#
    ),
    (
      .request(
        RelayRequest(
          id: id, method: "POST", path: RelayPath("/a?b=c"), headers: ["x-y": "z"],
          body: ByteBuffer(string: "{}"))),
      #"{"body":"{}","headers":{"x-y":"z"},"id":"\#(id)","method":"POST","path":"/a?b=c","type":"request"}"#
    ),
    (
      .request(RelayRequest(id: id, method: "GET", path: RelayPath("/"), body: ByteBuffer(bytes: [0xff]))),
      #"{"body":"/w==","bodyEncoding":"base64","headers":{},"id":"\#(id)","method":"GET","path":"/","type":"request"}"#
    ),
  ]

  @Test("every frame is written in its one form, and read back as what it was", arguments: 0..<known.count)
  func roundTrip(_ index: Int) throws {
    let (frame, text) = Self.known[index]
    #expect(String(buffer: frame.encoded) == text)
    #expect(try RelayFrame(frame.encoded) == frame)
  }

  @Test(
    "a path that could name another host is none",
    arguments: ["@host/", "http://host/", "", "x", "/a b", "/a#b", "\\\\host\\x", "/é", "/a\u{7f}"])
  func path(_ path: String) throws {
    #expect(RelayPath(path) == nil)
    let escaped = path.replacing("\\", with: "\\\\")
    let text = #"{"type":"request","id":"1","method":"GET","path":"\#(escaped)","headers":{},"body":""}"#
    guard case .request(let request) = try RelayFrame(ByteBuffer(string: text)) else {
      Issue.record("another frame")
      return
    }
    #expect(request.path == nil)
  }

  private static let refused: [(String, FrameRefusal)] = [
    ("null", .notAnObject), (#"{"type":"challenge"}"#, .missing("nonce")),
    (#"{"type":"challenge","nonce":"zz"}"#, .malformed("nonce")),
    (#"{"type":"auth_ok","agents":"x"}"#, .malformed("agents")),
    (#"{"type":"auth_ok","agents":[{"url":"x"}]}"#, .missing("address")),
    (#"{"type":"auth_ok","agents":[],"rejected":[5]}"#, .malformed("rejected")),
    (#"{"type":"ping"}"#, .missing("ts")), (#"{"type":"error","error":5}"#, .malformed("error")),
    (#"{"type":"request","id":"1","path":"/"}"#, .missing("method")),
    (#"{"type":"request","id":"1","method":"G T","path":"/"}"#, .malformed("method")),
    (#"{"type":"request","id":"1","method":"GET"}"#, .missing("path")),
    (#"{"type":"request","id":"1","method":"GET","path":"/","window":-1}"#, .malformed("window")),
    (#"{"type":"window","window":5}"#, .missing("id")), (#"{"type":"window","id":"1"}"#, .missing("window")),
    (#"{"type":"window","id":"1","window":-1}"#, .malformed("window")),
    (#"{"type":"window","id":"1","window":9223372036854775808}"#, .malformed("window")),
    (#"{"type":"window","id":"1","window":1.5}"#, .malformed("window")),
    (#"{"type":"window","id":"1","window":"5"}"#, .malformed("window")),
    (#"{"type":"window","id":"1","window":5,"window":6}"#, .duplicate("window")),
  ]

  @Test("what is no frame is refused, with the reason", arguments: 0..<refused.count)
  func refusals(_ index: Int) {
    let (text, refusal) = Self.refused[index]
    #expect(throws: refusal) { try RelayFrame(ByteBuffer(string: text)) }
  }

  @Test("a nonce is bound to the relay that made it, so that it shows when it comes by way of a look-alike")
  func boundNonce() {
    let nonce = TunnelNonce.make(for: "relay.test")
    #expect(nonce.isBound(to: "relay.test") && nonce.isBound(to: "RELAY.test."))
    #expect(!nonce.isBound(to: "relay-test.example"))
    #expect(!Self.nonce.isBound(to: "relay.test"))
    #expect(TunnelNonce.make(for: "relay.test") != nonce)
  }
}
