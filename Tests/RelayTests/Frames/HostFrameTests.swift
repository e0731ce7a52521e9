import Foundation
import Identity
import NIOCore
import SecretMemory
import Testing

@testable import Relay

/// What hosts say, byte for byte, and what is no frame.
@Suite("Frames of a host")
struct HostFrameTests {
  private static let key = TestKey.make(1)
  private static let nonce = TunnelNonce(String(repeating: "ab", count: 32))!
  private static let id = RequestID("5f3c0b1e-7d3b-4a61-9d5e-2f0f6f9f6a11")!

  private static let known: [(HostFrame, String)] = [
    (.requestChallenge, #"{"type":"request_challenge"}"#),
    (.pong(1_767_225_600), #"{"ts":1767225600,"type":"pong"}"#),
    (.pong(nil), #"{"type":"pong"}"#),
    (.removeAgent(key.address), #"{"address":"\#(key.address.checksummed)","type":"remove_agent"}"#),
    (
      .answer(
        RelayAnswer(
          id: id, status: 200, headers: ["content-type": "text/plain", "b": "2"],
          body: ByteBuffer(string: "a \"quoted\" / line\n\u{1}é"))),
      #"{"body":"a \"quoted\" / line\n\u0001é","headers":{"b":"2","content-type":"text/plain"},"id":"\#(id)","status":200,"type":"response"}"#
    ),
    (
      .answer(RelayAnswer(id: id, status: 200, body: ByteBuffer(bytes: [0xff, 0x00, 0xfe]))),
      #"{"body":"/wD+","bodyEncoding":"base64","headers":{},"id":"\#(id)","status":200,"type":"response"}"#
    ),
    (
      .streamStart(RelayAnswerHead(id: id, status: 200, headers: ["content-type": "text/event-stream"])),
      #"{"headers":{"content-type":"text/event-stream"},"id":"\#(id)","status":200,"type":"stream_start"}"#
    ),
    (
      .streamChunk(id, ByteBuffer(string: "data: 1\n\n")),
      #"{"data":"data: 1\n\n","id":"\#(id)","type":"stream_chunk"}"#
    ),
    (
      .streamChunk(id, ByteBuffer(bytes: [0xc3])),
      #"{"bodyEncoding":"base64","data":"ww==","id":"\#(id)","type":"stream_chunk"}"#
    ),
    (.streamEnd(id), #"{"id":"\#(id)","type":"stream_end"}"#),
    (.cancel(id), #"{"id":"\#(id)","type":"cancel"}"#),
  ]

  @Test("every frame is written in its one form, and read back as what it was", arguments: 0..<known.count)
  func roundTrip(_ index: Int) throws {
    let (frame, text) = Self.known[index]
    #expect(String(buffer: frame.encoded) == text)
    #expect(try HostFrame(frame.encoded) == frame)
  }

  @Test("a proof is of the checksummed address, the nonce and the time, as Ethereum signs messages")
  func proof() throws {
    let proof = AgentProof(by: Self.key, nonce: Self.nonce, timestamp: 1_767_225_600)
    let frame = HostFrame.auth(
      TunnelAuthentication(agents: [proof], nonce: Self.nonce, timestamp: 1_767_225_600, features: [.cancel]))
    let signature = Self.key.sign(
      Array("osaurus-tunnel:\(Self.key.address.checksummed):\(Self.nonce.text):1767225600".utf8),
      in: .ethereum)
    #expect(
      String(buffer: frame.encoded)
        == #"{"agents":[{"address":"\#(Self.key.address.checksummed)","signature":"\#(signature.prefixedHex)"}],"features":["cancel"],"nonce":"\#(Self.nonce.text)","timestamp":1767225600,"type":"auth"}"#
    )
    #expect(try HostFrame(frame.encoded) == frame)
    #expect(proof.isValid(nonce: Self.nonce, timestamp: 1_767_225_600))
    #expect(!proof.isValid(nonce: Self.nonce, timestamp: 1_767_225_601))
    #expect(!proof.isValid(nonce: .make(for: "relay.test"), timestamp: 1_767_225_600))
  }

  @Test("a proof is checked over the address as it was sent")
  func spelling() throws {
    let lower = Self.key.address.lowercased
    let signature = Self.key.sign(Array("osaurus-tunnel:\(lower):\(Self.nonce.text):5".utf8), in: .ethereum)
    let text =
      #"{"type":"add_agent","address":"\#(lower)","signature":"\#(signature.prefixedHex)","nonce":"\#(Self.nonce.text)","timestamp":5}"#
    guard case .addAgent(let proof, let nonce, let timestamp) = try HostFrame(ByteBuffer(string: text)) else {
      Issue.record("another frame")
      return
    }
    #expect(proof.isValid(nonce: nonce, timestamp: timestamp))
  }

  @Test("what is not known is passed over: types, members, features")
  func unknown() throws {
    #expect(try HostFrame(ByteBuffer(string: #"{"type":"dance","with":[{"a":null}]}"#)) == .unknown)
    #expect(
      try HostFrame(ByteBuffer(string: #"{"x":{"type":1},"type":"stream_end","id":"7","y":[1,[2]]}"#))
        == .streamEnd(RequestID("7")!))
    let text =
      #"{"type":"auth","agents":[],"nonce":"short","timestamp":1.0e1,"features":["flow","x",5,null,{}]}"#
    guard case .auth(let auth) = try HostFrame(ByteBuffer(string: text)) else {
      Issue.record("another frame")
      return
    }
    #expect(auth.features == [.flow] && auth.timestamp == 10 && auth.nonce == nil && auth.agents.isEmpty)
  }

  private static let address = key.address.checksummed
  private static let refused: [(String, FrameRefusal)] = [
    ("", .notAnObject), ("null", .notAnObject), ("[]", .notAnObject), ("\"x\"", .notAnObject),
    ("5", .notAnObject),
    ("{", .notAnObject), ("{}x", .notAnObject), (#"{"type":"pong",}"#, .notAnObject),
    (#"{"type":"pong","ts":01}"#, .notAnObject),
    (String(repeating: "[", count: 100_000), .notAnObject),
    (#"{"type":"pong","x":"# + String(repeating: "[", count: 100_000) + "}", .notAnObject),
    (
      #"{"type":"pong","x":"# + String(repeating: #"{"a":"#, count: 300) + "1"
        + String(repeating: "}", count: 300) + "}", .notAnObject
    ),
    ("{}", .noType), (#"{"type":null}"#, .noType), (#"{"type":5}"#, .malformed("type")),
    (#"{"type":["pong"]}"#, .malformed("type")), (#"{"type":"pong","type":"pong"}"#, .duplicate("type")),
    (#"{"type":null,"type":"pong"}"#, .duplicate("type")),
    (#"{"type":"pong","ts":"1"}"#, .malformed("ts")), (#"{"type":"pong","ts":1e400}"#, .malformed("ts")),
    (#"{"type":"pong","ts":99999999999999999999}"#, .malformed("ts")),
    (#"{"type":"remove_agent"}"#, .missing("address")),
    (#"{"type":"remove_agent","address":null}"#, .missing("address")),
    (#"{"type":"remove_agent","address":{}}"#, .malformed("address")),
    (#"{"type":"remove_agent","address":"0x12"}"#, .malformed("address")),
    (#"{"type":"auth","agents":[]}"#, .missing("nonce")),
    (#"{"type":"auth","nonce":"a"}"#, .missing("timestamp")),
    (#"{"type":"auth","nonce":"a","timestamp":1,"agents":{}}"#, .malformed("agents")),
    (#"{"type":"auth","nonce":"a","timestamp":1,"agents":[null]}"#, .malformed("agents")),
    (#"{"type":"auth","nonce":"a","timestamp":1,"agents":[{}]}"#, .missing("address")),
    (
      #"{"type":"auth","nonce":"a","timestamp":1,"agents":[{"address":"\#(address)"}]}"#,
      .missing("signature")
    ),
    (
      #"{"type":"auth","nonce":"a","timestamp":1,"agents":["#
        + Array(repeating: #"{"address":"\#(address)","signature":""}"#, count: 1025).joined(separator: ",")
        + "]}", .tooMany("agents")
    ),
    (
      #"{"type":"add_agent","address":"\#(address)","signature":"","nonce":"xy","timestamp":1}"#,
      .malformed("nonce")
    ),
    (#"{"type":"response","status":200}"#, .missing("id")),
    (#"{"type":"response","id":"","status":200}"#, .malformed("id")),
    (#"{"type":"response","id":"a b","status":200}"#, .malformed("id")),
    (#"{"type":"response","id":7,"status":200}"#, .malformed("id")),
    (#"{"type":"response","id":"a"}"#, .missing("status")),
    (#"{"type":"response","id":"a","status":"200"}"#, .malformed("status")),
    (#"{"type":"response","id":"a","status":200.5}"#, .malformed("status")),
    (#"{"type":"response","id":"a","status":200,"headers":[]}"#, .malformed("headers")),
    (#"{"type":"response","id":"a","status":200,"headers":{"a":5}}"#, .malformed("headers")),
    (#"{"type":"response","id":"a","status":200,"headers":{"a b":"c"}}"#, .malformed("headers")),
    (#"{"type":"response","id":"a","status":200,"headers":{"a":"b\r\nc: d"}}"#, .malformed("headers")),
    (#"{"type":"response","id":"a","status":200,"headers":{"a":"b","A":"c"}}"#, .duplicate("headers")),
    (#"{"type":"response","id":"a","status":200,"body":{}}"#, .malformed("body")),
    (#"{"type":"response","id":"a","status":200,"body":"\ud800"}"#, .malformed("body")),
    (#"{"type":"response","id":"a","status":200,"body":"%","bodyEncoding":"base64"}"#, .malformed("body")),
    (#"{"type":"response","id":"a","status":200,"body":"","bodyEncoding":5}"#, .malformed("bodyEncoding")),
    (#"{"type":"stream_chunk","id":"a"}"#, .missing("data")),
    (#"{"type":"stream_chunk","id":"a","data":null}"#, .missing("data")),
  ]

  @Test("what is no frame is refused, with the reason", arguments: 0..<refused.count)
  func refusals(_ index: Int) {
    let (text, refusal) = Self.refused[index]
    #expect(throws: refusal) { try HostFrame(ByteBuffer(string: text)) }
  }

  @Test("bytes that are not UTF-8 are refused")
  func notUTF8() {
    var text = ByteBuffer(string: #"{"type":"pong","x":""#)
    text.writeBytes([0xff, 0xfe])
    text.writeString(#""}"#)
    #expect(throws: FrameRefusal.notAnObject) { try HostFrame(text) }
  }

  @Test("what is longer or more than the limits is refused")
  func limits() {
    let limits = FrameLimits(bodyBytes: 8, headerFields: 2, headerBytes: 16)
    func parse(_ text: String) throws -> HostFrame { try HostFrame(ByteBuffer(string: text), limits: limits) }
    #expect(throws: Never.self) { try parse(#"{"type":"stream_chunk","id":"a","data":"12345678"}"#) }
    #expect(throws: FrameRefusal.tooLong("data")) {
      try parse(#"{"type":"stream_chunk","id":"a","data":"123456789"}"#)
    }
    #expect(throws: FrameRefusal.tooLong("body")) {
      try parse(#"{"type":"response","id":"a","status":1,"body":"AAAAAAAAAAAA","bodyEncoding":"base64"}"#)
    }
    #expect(throws: FrameRefusal.tooMany("headers")) {
      try parse(#"{"type":"stream_start","id":"a","status":1,"headers":{"a":"","b":"","c":""}}"#)
    }
    #expect(throws: FrameRefusal.tooLong("headers")) {
      try parse(#"{"type":"stream_start","id":"a","status":1,"headers":{"a":"12345678","b":"12345678"}}"#)
    }
  }
}
