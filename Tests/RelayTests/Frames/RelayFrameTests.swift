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
    (#"{"type":"request","method":"GET","path":"/"}"#, .missing("id")),
    (#"{"type":"request","id":"1","id":"2","method":"GET","path":"/"}"#, .duplicate("id")),
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

  private static let unreadable: [(String, FrameRefusal)] = [
    (#""path":"/""#, .missing("method")), (#""method":"G T","path":"/""#, .malformed("method")),
    (#""method":"GET""#, .missing("path")),
    (#""method":"GET","path":"/","window":-1"#, .malformed("window")),
    (#""method":"GET","path":"/","body":"123456789""#, .tooLong("body")),
    (#""method":"GET","path":"/","body":"!","bodyEncoding":"base64""#, .malformed("body")),
    (#""method":"GET","path":"/","headers":{"a":"1","b":"2","c":"3"}"#, .tooMany("headers")),
    (#""method":"GET","path":"/","headers":{"a":"1234567890123456"}"#, .tooLong("headers")),
    (
      #""method":"GET","path":"/","headers":{"a":"\#(String(repeating: "x", count: 100))"}"#,
      .tooLong("headers")
    ),
    (#""method":"GET","path":"/","headers":{"a":"\u0001"}"#, .malformed("headers")),
    (#""method":"GET","path":"/","headers":{"a":"1","A":"2"}"#, .duplicate("headers")),
  ]

  @Test(
    "a request that cannot be read is one of which its caller can be told", arguments: 0..<unreadable.count)
  func requestsWithFaults(_ index: Int) throws {
    let (members, refusal) = Self.unreadable[index]
    let limits = FrameLimits(bodyBytes: 8, headerFields: 2, headerBytes: 16)
    let frame = try RelayFrame(
      ByteBuffer(string: #"{"type":"request","id":"1",\#(members)}"#), limits: limits)
    #expect(frame == .unreadable(try #require(RequestID("1")), refusal))
  }

  @Test("headers are measured as they are, and not as JSON writes them")
  func escapedHeaders() throws {
    let text =
      #"{"type":"request","id":"1","method":"GET","path":"/","headers":{"a":"\u0022\u005c\"\"\"\"\"\""}}"#
    guard
      case .request(let request) = try RelayFrame(
        ByteBuffer(string: text), limits: FrameLimits(headerFields: 1, headerBytes: 9))
    else {
      Issue.record("another frame")
      return
    }
    #expect(request.headers["a"] == "\"\\" + String(repeating: "\"", count: 6))
  }

  @Test(
    "a body is written in the shortest way that the host understands, and how long the message is is known before"
  )
  func shortest() throws {
    let bodies = [
      ByteBuffer(), ByteBuffer(string: "{}"), ByteBuffer(string: "\"\\\n\t\u{1}é"),
      ByteBuffer(repeating: 1, count: 100), ByteBuffer(repeating: 0x22, count: 100),
      ByteBuffer(repeating: 0xff, count: 100),
    ]
    for body in bodies {
      let request = RelayRequest(
        id: Self.id, method: "POST", path: RelayPath("/\"?\""), headers: ["x": "\"\"\\"], body: body,
        window: .max)
      let frame = RelayFrame.request(request)
      let (plain, short) = (frame.encoded, frame.encoded(for: .base64))
      #expect(try RelayFrame(plain) == frame && RelayFrame(short) == frame)
      #expect(short.readableBytes <= plain.readableBytes)
      #expect(plain.readableBytes <= request.messageBound(for: []))
      #expect(short.readableBytes <= request.messageBound(for: .base64))
      if body.readableBytes == 100 { #expect(String(buffer: short).contains("bodyEncoding")) }
    }
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
