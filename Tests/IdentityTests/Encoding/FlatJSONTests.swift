import Foundation
import Testing

@testable import Identity

@Suite("Reading the members of a JSON object")
struct FlatJSONTests {
  private enum Member: Equatable {
    case string(String)
    case unsigned(UInt64)
    case number(Double)
    case boolean(Bool)
    case object([String: Member])
    /// What an array holds is stepped over.
    case array
    case null
  }

  /// What the scan found, the first of members with one name; nil where it refused the text.
  private static func scan(_ text: some Collection<UInt8>) -> [String: Member]? {
    var members: [String: Member] = [:]
    let isObject = Array(text).withUnsafeBytes { text in
      FlatJSON.scan(text) { key, value in
        FlatJSON.fill(&members[String(decoding: key, as: UTF8.self)], member(value))
      }
    }
    return isObject ? members : nil
  }

  private static func member(_ value: FlatJSON.Value) -> Member? {
    switch value {
    case .string, .escaped: FlatJSON.text(value).map { .string($0) }
    case .unsigned(let number): .unsigned(number)
    case .number(let text):
      FlatJSON.integer(value).map { .unsigned($0) }
        ?? Double(String(decoding: text, as: UTF8.self)).flatMap { $0.isFinite ? .number($0) : nil }
    case .boolean(let truth): .boolean(truth)
    case .object(let inner): scan(inner).map { .object($0) }
    case .array: .array
    case .null: .null
    }
  }

  private struct Anything: Decodable {
    let member: Member

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if container.decodeNil() {
        member = .null
      } else if let truth = try? container.decode(Bool.self) {
        member = .boolean(truth)
      } else if let number = try? container.decode(UInt64.self) {
        member = .unsigned(number)
      } else if let number = try? container.decode(Double.self) {
        member = .number(number)
      } else if let string = try? container.decode(String.self) {
        member = .string(string)
      } else if (try? decoder.unkeyedContainer()) != nil {
        member = .array
      } else {
        member = .object(try container.decode([String: Anything].self).mapValues(\.member))
      }
    }
  }

  /// Foundation's answer in the same form; nil where it refuses the text.
  private static func foundation(_ text: some Collection<UInt8>) -> [String: Member]? {
    try? JSONDecoder().decode([String: Anything].self, from: Data(text)).mapValues(\.member)
  }

  @Test(
    "members are read",
    arguments: [
      (#"{}"#, [:]),
      (#" { } "#, [:]),
      (#"{"a":"b"}"#, ["a": Member.string("b")]),
      ("\t{\r\n\"a\" : \"\" , \"b\":0}\n", ["a": .string(""), "b": .unsigned(0)]),
      (
        #"{"a":18446744073709551615,"t":true,"f":false,"n":null}"#,
        ["a": .unsigned(.max), "t": .boolean(true), "f": .boolean(false), "n": .null]
      ),
      (#"{"p":"\/a\/b"}"#, ["p": .string("/a/b")]),
      (#"{"h":{"x":"{}"},"n":{}}"#, ["h": .object(["x": .string("{}")]), "n": .object([:])]),
      (
        #"{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\uD83D\uDE00","b":"é€😀\#u{7f}"}"#,
        ["a": .string("\"\\/\u{8}\u{c}\n\r\tAé€😀"), "b": .string("é€😀\u{7f}")]
      ),
      (#"{"\u0061\/\"":1,"é":2,"":3}"#, ["a/\"": .unsigned(1), "é": .unsigned(2), "": .unsigned(3)]),
      (
        #"{"a":-1,"b":-0.5e-3,"c":1.0,"d":12e+1,"e":-0}"#,
        ["a": .number(-1), "b": .number(-0.0005), "c": .unsigned(1), "d": .unsigned(120), "e": .unsigned(0)]
      ),
      (
        #"{"a":[],"b":[ 1 , [ { } , {"x" : [ ] , "y":null} ], "]" ] ,"c":["\ud800"]}"#,
        ["a": .array, "b": .array, "c": .array]
      ),
      (#"{"a":1,"a":"b","\u0061":[]}"#, ["a": .unsigned(1)]),
    ])
  private func members(text: String, members: [String: Member]) {
    #expect(Self.scan(text.utf8) == members)
    #expect(Self.foundation(text.utf8) == members)
  }

  /// Values that JSON has not.
  private static let noValues = [
    "", ",", "+1", "01", "-01", "00", "1.", ".5", "-", "1e", "1e+", "1.e5", "0x1", "1.2.3", "1-2", "NaN",
    "Infinity", "-Infinity", "1_0", "True", "tru", "truest", "nul", "undefined", "'a'", "a", "[", "]", "[1",
    "[1,]", "[,]", "[1 2]", "[1,,2]", "[}", "{]", "{", "{,}", "{1:2}", "{a:1}", #"{"a"}"#, #"{"a":}"#,
    #"{"a":1,}"#, #"{"a" 1}"#, #"{"a":1 "b":2}"#, #"{"a":1"#, #"[{"a":[}]"#, "[[]", "[]]", "[1}", "{}}",
    "1 2",
    #""a"#, #""a\"#, #""a\""#, #""\x""#, #""\u12g4""#, #""\u123""#, #""\u12""#, "\"\n\"", "\"\t\"",
    "\"\u{0}\"", "\"\u{1f}\"", "\u{feff}1", "/**/1", "1//",
  ]

  @Test("what is no JSON is refused, at whatever depth nobody looks", arguments: noValues)
  func refused(value: String) {
    for text in [
      value, #"{"a":\#(value)}"#, #"{"a":[\#(value)]}"#, #"{"a":{"b":[0,{"c":\#(value)}]},"d":1}"#,
    ] {
      // An array without anything in it is one.
      guard !value.isEmpty || !text.contains("[]") else { continue }
      #expect(Self.scan(text.utf8) == nil, "\(text)")
    }
  }

  @Test(
    "what is no object is refused",
    arguments: ["", " ", "[]", "null", "1", "\"a\"", "{}{}", "{} x", "{\"a\":1}}", "{\"a\":1},"])
  func noObject(text: String) {
    #expect(Self.scan(text.utf8) == nil)
  }

  @Test(
    "half a surrogate pair is no text, and no key",
    arguments: [#"\ud800"#, #"\udc00"#, #"\ud800\u0041"#, #"\ud83dx"#, #"\udc00\ud800"#])
  func surrogates(text: String) {
    let value = #"{"a":"\#(text)"}"#
    #expect(Self.scan(value.utf8) == nil && Self.foundation(value.utf8) == nil)
    let key = #"{"\#(text)":1}"#
    #expect(Self.scan(key.utf8) == nil && Self.foundation(key.utf8) == nil)
  }

  @Test(
    "strings that are not UTF-8 are refused, also where nobody looks",
    arguments: [
      [0x80], [0xff], [0xc3], [0xc3, 0x28], [0xc0, 0xaf], [0xe2, 0x82], [0xed, 0xa0, 0x80],
      [0xf0, 0x80, 0x80, 0xaf], [0xf4, 0x90, 0x80, 0x80],
    ] as [[UInt8]])
  func encoding(bytes: [UInt8]) {
    for (before, after) in [
      (#"{"a":""#, #""}"#), (#"{"a":[{"b":""#, #""}]}"#), (#"{"a":{""#, #"":1}}"#), (#"{""#, #"":1}"#),
    ] {
      #expect(Self.scan(Array(before.utf8) + bytes + Array(after.utf8)) == nil)
    }
  }

  @Test("a text may nest 256 levels", arguments: [("[", "]"), (#"{"a":"#, "}")])
  func depth(open: String, close: String) {
    for depth in [1, 64, 255, 256, 1000, 100_000] {
      let inside = String(repeating: open, count: depth) + (open == "[" ? "" : "1")
      let text = #"{"x":\#(inside)\#(String(repeating: close, count: depth))}"#
      let isObject = Array(text.utf8).withUnsafeBytes { FlatJSON.scan($0) { _, _ in true } }
      #expect(isObject == (depth < FlatJSON.depthLimit))
    }
  }

  @Test(
    "numbers are whole or not by their value, not by how they are written",
    arguments: [
      ("1.0", 1), ("1e2", 100), ("100e-2", 1), ("0.1e1", 1), ("-0", 0), ("0e99999999999999999999", 0),
      ("0.000", 0),
      ("18446744073709551615", .max), ("18446744073709551615.0", .max), ("1844674407370955161.5e1", .max),
      ("18446744073709551616", nil), ("1e19", 10_000_000_000_000_000_000), ("2e19", nil), ("1e20", nil),
      ("1.5", nil), ("1e-1", nil), ("-1", nil), ("1e99999999999999999999", nil),
      ("1e-99999999999999999999", nil),
      ("9007199254740993.0", 9_007_199_254_740_993), ("100000000000000000000e-20", 1),
      ("1\(String(repeating: "0", count: 5000))e-5000", 1),
    ] as [(String, UInt64?)])
  func numbers(text: String, value: UInt64?) {
    var read: UInt64?
    let isRead = Array("{\"a\":\(text)}".utf8).withUnsafeBytes { text in
      FlatJSON.scan(text) { _, value in FlatJSON.fill(&read, FlatJSON.integer(value)) }
    }
    #expect(read == value && isRead == (value != nil))
  }

  @Test("numbers end where their type does")
  func signed() {
    for (text, value) in [
      ("-128", -128), ("127", 127), ("-1.28e2", -128), ("128", nil), ("-129", nil), ("true", nil),
      ("\"1\"", nil),
    ] as [(String, Int8?)] {
      var read: Int8?
      _ = Array("{\"a\":\(text)}".utf8).withUnsafeBytes { text in
        FlatJSON.scan(text) { _, value in FlatJSON.fill(&read, FlatJSON.integer(value)) }
      }
      #expect(read == value)
    }
  }

  @Test("what is JSON is read as Foundation reads it, and what was bent is refused or read so too")
  func differential() {
    var generator = SeededGenerator(seed: 7)
    let alphabet = Array("{}[]\",:\\/ \t\n0123456789.-+eEtrufalsn\u{0}\u{7f}é".utf8) + [0x80, 0xff]
    var read = 0
    for round in 0..<12_000 {
      var text = Array(Self.object(depth: 0, using: &generator).utf8)
      if round.isMultiple(of: 3) {
        #expect(Self.scan(text) != nil, "\(String(decoding: text, as: UTF8.self))")
      } else {
        for _ in 0..<Int.random(in: 1...2, using: &generator) where !text.isEmpty {
          let place = Int.random(in: 0..<text.count, using: &generator)
          switch Int.random(in: 0...3, using: &generator) {
          case 0: text.remove(at: place)
          case 1: text.insert(alphabet.randomElement(using: &generator)!, at: place)
          case 2: text[place] = alphabet.randomElement(using: &generator)!
          default: text.removeSubrange(place...)
          }
        }
      }
      guard let ours = Self.scan(text) else { continue }
      read += 1
      #expect(Self.foundation(text) == ours, "\(String(decoding: text, as: UTF8.self))")
    }
    #expect(read > 5000)
  }

  private static let scalars = [
    "true", "false", "null", "0", "7", "-3", "18446744073709551615", "2.5", "-0.25e-2", "4E2", #""""#,
    #""abc""#,
    #""a\/b c""#, #""{\/}[""#, #""\"\\\n\u0041\ud83d\ude00""#, "\"é\u{2028}😀\"",
  ]

  private static func object(depth: Int, using generator: inout SeededGenerator) -> String {
    let keys = ["v", "sid", "ct", "fin", "seq", #"\u0076"#, "é", #"\/"#, "v"].shuffled(using: &generator)
    var text = "{" + space(&generator)
    for (number, key) in keys.prefix(Int.random(in: 0...4, using: &generator)).enumerated() {
      if number > 0 { text += "," + space(&generator) }
      text += "\"\(key)\"\(space(&generator)):\(space(&generator))"
      text += value(depth: depth, using: &generator) + space(&generator)
    }
    return space(&generator) + text + "}" + space(&generator)
  }

  private static func value(depth: Int, using generator: inout SeededGenerator) -> String {
    switch depth < 4 ? Int.random(in: 0...6, using: &generator) : 6 {
    case 0: return object(depth: depth + 1, using: &generator)
    case 1:
      let elements = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
        space(&generator) + value(depth: depth + 1, using: &generator) + space(&generator)
      }
      return "[\(space(&generator))\(elements.joined(separator: ","))]"
    default: return scalars.randomElement(using: &generator)!
    }
  }

  private static func space(_ generator: inout SeededGenerator) -> String {
    ["", "", "", " ", "\n\t"].randomElement(using: &generator)!
  }

  @Test(
    "keys are compared whole",
    arguments: [("seq", true), ("se", false), ("seqq", false), ("", false), ("Seq", false)])
  func keys(text: String, isKey: Bool) {
    #expect(Array(text.utf8).withUnsafeBytes { FlatJSON.isKey($0, "seq") } == isKey)
  }
}
