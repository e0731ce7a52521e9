import Foundation
import Testing

@testable import Identity

@Suite("The fast look at flat JSON")
struct FlatJSONTests {
  private enum Member: Equatable {
    case string(String)
    case unsigned(UInt64)
    case boolean(Bool)
    case object([String: Member])
  }

  /// What the scan found, or nil where it left the text to Foundation. Keys that come twice count as that.
  private static func scan(_ text: some Collection<UInt8>) -> [String: Member]? {
    var members: [String: Member] = [:]
    let isFlat = Array(text).withUnsafeBytes { text in
      FlatJSON.scan(text) { key, value in
        let key = String(decoding: key, as: UTF8.self)
        guard members[key] == nil else { return false }
        switch value {
        case .string, .slashEscaped: members[key] = FlatJSON.text(value).map { .string($0) }
        case .unsigned(let number): members[key] = .unsigned(number)
        case .boolean(let truth): members[key] = .boolean(truth)
        case .object(let inner): members[key] = scan(inner).map { .object($0) }
        }
        return members[key] != nil
      }
    }
    return isFlat ? members : nil
  }

  private struct Anything: Decodable {
    let member: Member
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let truth = try? container.decode(Bool.self) {
        member = .boolean(truth)
      } else if let number = try? container.decode(UInt64.self) {
        member = .unsigned(number)
      } else if let string = try? container.decode(String.self) {
        member = .string(string)
      } else {
        member = .object(try container.decode([String: Anything].self).mapValues(\.member))
      }
    }
  }

  /// Foundation's answer in the same form; nil where it refuses the text.
  private static func foundation(_ text: some Collection<UInt8>) -> [String: Member]? {
    return try? JSONDecoder().decode([String: Anything].self, from: Data(text)).mapValues(\.member)
  }

  @Test(
    "plain objects are read",
    arguments: [
      (#"{}"#, [:]),
      (#" { } "#, [:]),
      (#"{"a":"b"}"#, ["a": Member.string("b")]),
      ("\t{\r\n\"a\" : \"\" , \"b\":0}\n", ["a": .string(""), "b": .unsigned(0)]),
      (
        #"{"a":18446744073709551615,"t":true,"f":false}"#,
        ["a": .unsigned(.max), "t": .boolean(true), "f": .boolean(false)]
      ),
      (#"{"p":"\/a\/b"}"#, ["p": .string("/a/b")]),
      (#"{"h":{"x":"{}"},"n":{}}"#, ["h": .object(["x": .string("{}")]), "n": .object([:])]),
    ])
  private func plain(text: String, members: [String: Member]) {
    #expect(Self.scan(text.utf8) == members)
    #expect(Self.foundation(text.utf8) == members)
  }

  @Test(
    "whatever is not of the plain shape is left to Foundation",
    arguments: [
      "", " ", "{", "}", "[]", "null", "1", "\"a\"", "{}{}", "{} x", "{,}", #"{"a"}"#, #"{"a":}"#,
      #"{"a":1,}"#,
      #"{"a":1 "b":2}"#, #"{a:1}"#, #"{'a':1}"#, #"{"a":-1}"#, #"{"a":1.0}"#, #"{"a":1e3}"#, #"{"a":01}"#,
      #"{"a":+1}"#,
      #"{"a":18446744073709551616}"#, #"{"a":null}"#, #"{"a":[1]}"#, #"{"a":tru}"#, #"{"a":truest}"#,
      #"{"a":True}"#,
      #"{"a":"\n"}"#, #"{"a":"\u0041"}"#, #"{"a":"\""}"#, #"{"a":"\\"}"#, #"{"a":"b\"}"#, #"{"a":"é"}"#,
      "{\"a\":\"\n\"}",
      "{\"a\":\"\u{0}\"}", #"{"é":1}"#, #"{"a\/b":1}"#, #"{"a":1"#, #"{"a":"b"#, #"{"a":"#, #"{"a":{"b":1}"#,
      #"{"a":{"b":[]}}"#,
      #"{"a":1,"a":2}"#, "\u{feff}{}",
    ])
  func left(text: String) {
    #expect(Self.scan(text.utf8) == nil)
  }

  @Test("whatever is read is what Foundation reads")
  func differential() {
    var generator = SeededGenerator(seed: 7)
    let alphabet = Array("{}[]\",:\\/ \t\n0123456789.-+eEtrufalsn\u{0}\u{7f}é".utf8) + [0x80, 0xff]
    var read = 0
    for _ in 0..<20_000 {
      var text = Self.object(depth: 0, using: &generator)
      for _ in 0..<Int.random(in: 0...2, using: &generator) {
        let place = Int.random(in: 0..<text.count, using: &generator)
        switch Int.random(in: 0...3, using: &generator) {
        case 0: text.remove(at: place)
        case 1: text.insert(alphabet.randomElement(using: &generator)!, at: place)
        case 2: text[place] = alphabet.randomElement(using: &generator)!
        default: text.removeSubrange(place...)
        }
        if text.isEmpty { break }
      }
      guard let ours = Self.scan(text) else { continue }
      read += 1
      #expect(Self.foundation(text) == ours, "\(String(decoding: text, as: UTF8.self))")
    }
    #expect(read > 5000)
  }

  private static func object(depth: Int, using generator: inout SeededGenerator) -> [UInt8] {
    func space() -> String { ["", "", "", " ", "\n\t"].randomElement(using: &generator)! }
    let values = [
      "true", "false", "0", "7", "18446744073709551615", #""""#, #""abc""#, #""a\/b c""#, #""{\/}""#,
    ]
    var text = space() + "{" + space()
    let keys = ["v", "sid", "ct", "fin", "seq"].shuffled(using: &generator)
    for (number, key) in keys.prefix(Int.random(in: 0...4, using: &generator)).enumerated() {
      if number > 0 { text += "," + space() }
      text += "\"\(key)\"\(space()):\(space())"
      if depth < 2, Int.random(in: 0...5, using: &generator) == 0 {
        text += String(decoding: object(depth: depth + 1, using: &generator), as: UTF8.self)
      } else {
        text += values.randomElement(using: &generator)!
      }
      text += space()
    }
    return Array((text + "}" + space()).utf8)
  }

  @Test(
    "keys are compared whole",
    arguments: [("seq", true), ("se", false), ("seqq", false), ("", false), ("Seq", false)])
  func keys(text: String, isKey: Bool) {
    #expect(Array(text.utf8).withUnsafeBytes { FlatJSON.isKey($0, "seq") } == isKey)
  }
}
