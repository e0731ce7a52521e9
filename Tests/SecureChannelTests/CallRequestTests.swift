import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("Reading a sealed call")
struct CallRequestTests {
  private static let call = RawJSON([
    "ct": #""Xu8-sdT75AM0zNhyjldZjmJ9O3K8ULg7vWTAVzIwR0HvQmIu8DweAPofyee_foUIjQ""#, "seq": "1",
    "sid": #""EBESExQVFhcYGRobHB0eHw""#, "v": "1",
  ])

  @Test("garbage is no call", arguments: Garbage.texts)
  func garbage(text: [UInt8]) {
    #expect(throws: SecureChannelError.malformedCall) { try CallRequest(text) }
  }

  @Test("a call that was cut, continued or encoded otherwise is refused")
  func ruins() {
    for text in Garbage.ruins(of: Self.call.bytes) {
      #expect(throws: SecureChannelError.malformedCall) { try CallRequest(text) }
    }
  }

  @Test("a member that is missing or of another type is refused")
  func wrongTypes() {
    for (key, value) in Self.call.members {
      let others = ["-1", "1.5", "18446744073709551616", "1e400", "0x1", "01", "+1"]
      for wrong in [nil, "null", "[]", "{}", "true", value.hasPrefix("\"") ? "1" : "\"1\""] + others {
        if key == "v", wrong == "-1" { continue }
        let text = Self.call.with(key, wrong).bytes
        #expect(throws: SecureChannelError.malformedCall, "\(key) \(wrong ?? "absent")") {
          try CallRequest(text)
        }
      }
    }
  }

  @Test(
    "a ciphertext that is not base64url, or shorter than a tag, is read and cannot be opened",
    arguments: [
      "", "A", "AAAA", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA", "*", "AAAA AAAAAAAAAAAAAAAAAAAAAAAA",
      "é", #"\u0041"#,
    ])
  func unopenable(ciphertext: String) throws {
    let call = try CallRequest(Self.call.with("ct", "\"\(ciphertext)\"").bytes)
    #expect(call.box == nil && call.sequence == 1 && call.session != nil)
  }

  @Test(
    "a session's name that is none is read and names none", arguments: ["", "a", "AAAA", "|", "é", #"\""#])
  func unnamed(sid: String) throws {
    #expect(try CallRequest(Self.call.with("sid", "\"\(sid)\"").bytes).session == nil)
  }

  @Test("the plain form reads as the same text in any other form of JSON")
  func forms() throws {
    let plain = try CallRequest(Self.call.bytes)
    let padded = #""Xu8-sdT75AM0zNhyjldZjmJ9O3K8ULg7vWTAVzIwR0HvQmIu8DweAPofyee_foUIjQ==""#
    let standard = #""Xu8+sdT75AM0zNhyjldZjmJ9O3K8ULg7vWTAVzIwR0HvQmIu8DweAPofyee\/foUIjQ==""#
    for other in [
      Self.call.with("x", "null"), Self.call.with("v", "1.0"), Self.call.with("seq", "1.0"),
      Self.call.with("seq", " 1\n"), Self.call.with("ct", padded), Self.call.with("ct", standard),
      Self.call.with("sid", #""\u0045BESExQVFhcYGRobHB0eHw""#),
    ] {
      let call = try CallRequest(other.bytes)
      #expect(call.box == plain.box && call.sequence == 1 && call.sid == plain.sid && call.version == 1)
    }
  }

  @Test("a long member that nobody knows is stepped over, in a call or in what only looks like one")
  func long() throws {
    let call = try CallRequest(Self.call.with("x", LongJSON.text).bytes)
    #expect(try call.box == CallRequest(Self.call.bytes).box && call.sequence == 1)
    for text in [LongJSON.text + "]", "[" + LongJSON.text, String(LongJSON.text.dropLast(3))] {
      #expect(throws: SecureChannelError.malformedCall) { try CallRequest(Self.call.with("x", text).bytes) }
    }
    for key in ["ct", "seq", "sid", "v"] {
      let text = Self.call.with(key, LongJSON.text).bytes
      #expect(throws: SecureChannelError.malformedCall) { try CallRequest(text) }
    }
  }

  private struct Reading: Decodable, Equatable {
    let v: Int
    let sid: String
    let seq: UInt64
    let ct: String
  }

  @Test("whatever the text, it is read as Foundation reads it", arguments: 0..<40 as Range<UInt64>)
  func asFoundation(seed: UInt64) {
    var generator = SeededGenerator(seed)
    let values = [
      "1", "0", "2", "18446744073709551615", "\"AAAAAAAAAAAAAAAAAAAAAAAA\"", "\"\"", "\"a\\/b\"",
      "\"\\u0041\"", "null",
      "true", "1.0", "1e2", "-0", "{}", "[{\"v\":1}]", " 3 ", "\"\u{e9}\"",
    ]
    for _ in 0..<50 {
      var call = Self.call
      for _ in 0..<Int.random(in: 1...2, using: &generator) {
        let key = ["ct", "seq", "sid", "v", "x", "\\u0076"].randomElement(using: &generator)!
        let value = values.randomElement(using: &generator)!
        call =
          Bool.random(using: &generator) ? call.with(key, value) : call.with(key, value).shuffled(&generator)
      }
      var text = call.bytes
      let isBent = Int.random(in: 0..<4, using: &generator) == 0
      if isBent {
        text[Int.random(in: text.indices, using: &generator)] = UInt8.random(
          in: 0x20..<0x7f, using: &generator)
      }
      let expected = try? JSONDecoder().decode(Reading.self, from: Data(text))
      let call2 = try? CallRequest(text)
      // Foundation does not look at everything in members that nobody asks for.
      if isBent, call2 == nil { continue }
      #expect(
        call2?.sid == expected?.sid && call2?.sequence == expected?.seq,
        "\(String(decoding: text, as: UTF8.self))")
      #expect(call2?.version == expected?.v)
      let sealed = expected.flatMap { Base64URL.decode($0.ct) }.flatMap { $0.count >= 16 ? $0 : nil }
      #expect(call2?.box.map { Array($0.dropFirst(12)) } == sealed)
    }
  }
}

extension RawJSON {
  fileprivate func shuffled(_ generator: inout SeededGenerator) -> RawJSON {
    var copy = self
    copy.members.shuffle(using: &generator)
    return copy
  }
}
