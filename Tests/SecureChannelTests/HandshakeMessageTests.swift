import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("Reading the handshake's messages")
struct HandshakeMessageTests {
  private static let hello = RawJSON([
    "agentAddress": #""0xeef1189b0322da78632ac7d7d6da57dca6d9570f""#, "encPub": #""AAAA""#,
    "nonce": #""BBBB""#, "v": "1",
  ])
  private static let answer = RawJSON([
    "encPub": #""AAAA""#, "expiresAt": "1800003600", "sid": #""CCCC""#, "signature": #""0x00""#, "v": "1",
  ])

  @Test("garbage is no hello and no answer", arguments: Garbage.texts)
  func garbage(text: [UInt8]) {
    #expect(throws: SecureChannelError.invalidHandshake) { try ClientHello(text) }
    #expect(throws: SecureChannelError.invalidServerHello) { try ServerHello(text) }
  }

  @Test("a hello or an answer that was cut, continued or encoded otherwise is refused")
  func ruins() {
    for text in Garbage.ruins(of: Self.hello.bytes) {
      #expect(throws: SecureChannelError.invalidHandshake) { try ClientHello(text) }
    }
    for text in Garbage.ruins(of: Self.answer.bytes) {
      #expect(throws: SecureChannelError.invalidServerHello) { try ServerHello(text) }
    }
  }

  @Test("a member that is missing or of another type is refused")
  func wrongTypes() {
    for (key, value) in Self.hello.members {
      for wrong in [nil, "null", "[]", "{}", "true", "1.5", value.hasPrefix("\"") ? "1" : "\"1\""] {
        let text = Self.hello.with(key, wrong).bytes
        #expect(throws: SecureChannelError.invalidHandshake, "\(key) \(wrong ?? "absent")") {
          try ClientHello(text)
        }
      }
    }
    for (key, value) in Self.answer.members {
      for wrong in [nil, "null", "[]", "{}", "true", "1.5", value.hasPrefix("\"") ? "1" : "\"1\""] {
        let text = Self.answer.with(key, wrong).bytes
        #expect(throws: SecureChannelError.invalidServerHello, "\(key) \(wrong ?? "absent")") {
          try ServerHello(text)
        }
      }
    }
  }

  @Test(
    "another version is refused by name", arguments: ["0", "2", "-1", "10", "1000", "9223372036854775807"])
  func version(number: String) {
    #expect(throws: SecureChannelError.unsupportedVersion) {
      try ClientHello(Self.hello.with("v", number).bytes)
    }
    #expect(throws: SecureChannelError.unsupportedVersion) {
      try ServerHello(Self.answer.with("v", number).bytes)
    }
  }

  @Test("numbers beyond 64 bits are refused", arguments: ["9223372036854775808", "1e40", "-1e40", "1e"])
  func bigNumbers(number: String) {
    #expect(throws: SecureChannelError.invalidHandshake) {
      try ClientHello(Self.hello.with("v", number).bytes)
    }
    #expect(throws: SecureChannelError.invalidServerHello) {
      try ServerHello(Self.answer.with("expiresAt", number).bytes)
    }
  }

  @Test("unknown members are passed over, in any order, with whitespace and escapes")
  func tolerance() throws {
    let text = #"""
      { "future": {"a": [1, null]}, "nonce" : "\u0042BBB", "v": 1,
        "encPub":"AAAA","agentAddress":"0xeef1189b0322da78632ac7d7d6da57dca6d9570f", "x": -1.5e3 }
      """#
    #expect(try ClientHello(Array(text.utf8)) == ClientHello(Self.hello.bytes))
    #expect(try ServerHello(Self.answer.with("x", "\"é\"").bytes) == ServerHello(Self.answer.bytes))
  }

  @Test("of a member that is there twice one is taken, and both ends' transcripts hold that one")
  func duplicates() throws {
    let text = #"{"agentAddress":"0x","encPub":"AAAA","nonce":"BBBB","nonce":"CCCC","v":1}"#
    let hello = try ClientHello(Array(text.utf8))
    #expect(["BBBB", "CCCC"].contains(hello.nonce))
    let transcript = try Transcript(hello: hello, sid: "s", serverKey: "k", expiresAt: 1)
    #expect(String(decoding: transcript.bytes, as: UTF8.self).contains("|nC=\(hello.nonce)|"))
  }

  @Test("a message of a megabyte is read like a short one")
  func long() throws {
    let long = String(repeating: "x", count: 1 << 20)
    #expect(try ClientHello(Self.hello.with("nonce", "\"\(long)\"").bytes).nonce.utf8.count == 1 << 20)
  }

  @Test("messages are written as they are read", arguments: 0..<40 as Range<UInt64>)
  func roundTrip(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let hello = ClientHello(
      agentAddress: generator.text(upTo: 40), encPub: generator.text(upTo: 40),
      nonce: generator.text(upTo: 40))
    #expect(try ClientHello(hello.encoded()) == hello)
    let answer = ServerHello(
      sid: generator.text(upTo: 40), encPub: generator.text(upTo: 40),
      expiresAt: Int64(bitPattern: generator.next()), signature: generator.text(upTo: 40))
    #expect(try ServerHello(answer.encoded()) == answer)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(answer.encoded())) as? [String: Any])
    #expect(object["sid"] as? String == answer.sid && object["signature"] as? String == answer.signature)
    #expect(object["expiresAt"] as? Int64 == answer.expiresAt && object["v"] as? Int == 1)
  }
}
