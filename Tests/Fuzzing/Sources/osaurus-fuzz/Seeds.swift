import Foundation
import Identity

@testable import Relay

/// What a fuzzer begins with: a few scripts that go deep, and the words that frames and requests are made of.
enum Seeds {
  static func write(to folder: URL) throws {
    for (name, scripts) in [("relay", relay), ("host", host)] {
      let place = folder.appending(path: name)
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      for (number, script) in scripts.enumerated() {
        try Data(script).write(to: place.appending(path: "\(number)"))
      }
    }
    try Data(words.map { "\"\(escaped($0))\"\n" }.joined().utf8).write(to: folder.appending(path: "words"))
  }

  /// As the fuzzer reads it in a file of words.
  private static func escaped(_ word: String) -> String {
    word.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "\\"), UInt8(ascii: "\""): "\\" + String(UnicodeScalar(byte))
      case 0x20...0x7e: String(UnicodeScalar(byte))
      default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }.joined()
  }

  /// A text behind its length.
  private static func text(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    return [UInt8(bytes.count & 255), UInt8(bytes.count >> 8)] + bytes
  }

  // MARK: Relay

  private static let proven: [UInt8] = [8, 31, 1]
  private static let question: [UInt8] = [2, 0, 0, 0] + text("x?y=z") + text("accept: */*\r\n") + [0, 0, 0]

  /// Says something about the last request: of this kind, with so many bytes.
  private static func answer(_ kind: UInt8, bytes: Int = 5) -> [UInt8] {
    [15, 0, 0, 0, UInt8(ascii: "a"), UInt8(bytes & 255), UInt8(bytes >> 8), kind]
  }

  private static let relay: [[UInt8]] = [
    proven + question + answer(0),
    proven + question + answer(1) + answer(3) + answer(4, bytes: 16_000) + answer(6),
    // A caller who does not read, and then does.
    proven + question + answer(1) + [5] + answer(3, bytes: 12_000) + answer(3, bytes: 12_000) + [28, 19, 5]
      + answer(3) + answer(7),
    [8, 7, 1] + question + answer(1) + [5] + answer(3, bytes: 29_000) + [28, 19] + answer(3, bytes: 29_000),
    [7] + frames.flatMap { [10] + text($0) },
    proven + question + frames.flatMap { [10] + text($0) },
    proven + [23, 56, 32, 26, 23, 24, 40],
    // An agent that two tunnels want.
    proven + [40, 31, 1] + [28, 6] + question + answer(0),
    requests.flatMap { [0] + text($0) },
    proven + [3, 1, 0, 1] + text("x") + text("cookie: a\r\n") + [98, 0x88, 0x13] + answer(0),
  ]

  private static let frames = [
    #"{"type":"auth","agents":[{"address":"\#u{3}","signature":"0x00"}],"nonce":"\#u{2}","timestamp":1800000000}"#,
    #"{"type":"pong","ts":1800000000}"#, #"{"type":"request_challenge"}"#,
    #"{"type":"add_agent","address":"\#u{3}","signature":"0x00","nonce":"\#u{2}","timestamp":1800000000}"#,
    #"{"type":"stream_start","id":"\#u{1}","status":200,"headers":{"content-type":"text/event-stream"}}"#,
    #"{"type":"stream_chunk","id":"\#u{1}","data":"é\n\u0000"}"#,
    #"{"type":"stream_chunk","id":"\#u{1}","data":"/w==","bodyEncoding":"base64"}"#,
    #"{"type":"stream_end","id":"\#u{1}"}"#,
    #"{"type":"response","id":"\#u{1}","status":200,"headers":{},"body":"x"}"#,
    #"{"type":"cancel","id":"\#u{1}"}"#,
    #"{"type":"remove_agent","address":"\#u{3}"}"#, #"{"type":"dance"}"#,
  ]

  private static let requests = [
    "GET /health HTTP/1.1\r\nhost: relay.test\r\n\r\n", "GET /stats HTTP/1.0\r\nhost: relay.test\r\n\r\n",
    "POST /a/0x0000000000000000000000000000000000000000/x HTTP/1.1\r\nhost: relay.test\r\n"
      + "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "GET /tunnel/connect HTTP/1.1\r\nhost: relay.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
      + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  ]

  // MARK: Host

  private static let host: [[UInt8]] = [
    // Agents are wanted, the tunnel opens, the relay challenges and takes the first one; then another.
    [0, 1, 2] + [10, 0, 0, 0, 0, 31] + [10, 0, 0, 0, 1] + [0, 3] + [10, 0, 0, 0, 0, 31] + [10, 1, 0, 0, 3],
    [0, 7, 2] + [10, 0, 0, 0, 0, 31] + [10, 0, 0, 0, 2] + [6, 60] + [10, 0, 0, 0, 5] + [6, 90],
    [0, 1, 2] + [10, 0, 0, 0, 7] + text("x") + [100, 0] + [10, 0, 0, 0, 11, 255, 255, 3] + [14, 1, 2],
    [13] + text("data: é\n\ndata: x"),
    [0, 7, 2]
      + [
        #"{"type":"challenge","nonce":"\#u{2}","features":["base64","bound","cancel","flow","window"]}"#,
        #"{"type":"auth_ok","agents":[{"address":"\#u{3}","url":"https://\#u{3}.relay.test"}],"rejected":[]}"#,
        #"{"type":"auth_error","error":"invalid_nonce"}"#, #"{"type":"agent_removed","address":"\#u{3}"}"#,
        #"{"type":"request","id":"r","method":"GET","path":"/","headers":{"x-agent-address":"\#u{3}"},"window":9}"#,
        #"{"type":"window","id":"r","window":9223372036854775807}"#, #"{"type":"pause","id":"r"}"#,
        #"{"type":"ping","ts":5}"#,
      ].flatMap { [7, 0] + text($0) },
    frames.flatMap { [7, 0] + text($0) },
  ]

  private static let words =
    [
      "auth", "add_agent", "remove_agent", "request_challenge", "pong", "response", "stream_start",
      "stream_chunk",
      "stream_end", "cancel", "challenge", "auth_ok", "auth_error", "agent_added", "agent_removed", "ping",
      "request",
      "error", "pause", "resume", "window",
    ].map { #""type":"\#($0)""# }
    + [
      "agents", "address", "signature", "nonce", "timestamp", "ts", "id", "status", "headers", "body",
      "bodyEncoding",
      "data", "method", "path", "rejected", "reason", "url", "features",
    ].map { #""\#($0)":"# }
    + [
      "\"base64\"", "9223372036854775807", "-1", "1e9", "null", "\\u0000", "\\ud83e", "HTTP/1.1\r\n",
      "HTTP/1.0\r\n",
      "transfer-encoding: chunked\r\n", "content-length: 5\r\n", "connection: close\r\n",
      "connection: upgrade\r\n",
      "upgrade: websocket\r\n", "expect: 100-continue\r\n", "x-forwarded-for: 1.2.3.4\r\n", "cookie: a=b\r\n",
      "host: relay.test\r\n", "0\r\n\r\n", "%2f", "..", "http://",
    ]
}
