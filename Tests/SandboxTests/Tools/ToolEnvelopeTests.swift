import Foundation
import Testing

@testable import Sandbox

@Suite("What a tool answers")
struct ToolEnvelopeTests {
  @Test("is one object, its keys in order, with what it is about and no more")
  func success() {
    #expect(
      ToolEnvelope.success(["a": "x/y"]).json(tool: "t") == #"{"ok":true,"result":{"a":"x/y"},"tool":"t"}"#)
    #expect(
      ToolEnvelope.success("x", warnings: ["w"]).json() == #"{"ok":true,"result":"x","warnings":["w"]}"#)
  }

  @Test("says of a failure what kind it is, and whether another try may do better")
  func failures() {
    let retryable: [ToolFailure.Kind: Bool] = [
      .invalidArguments: true, .rejected: false, .userDenied: false, .timeout: true, .executionError: true,
      .notFound: false, .unavailable: true, .toolNotFound: false,
    ]
    for kind in ToolFailure.Kind.allCases { #expect(kind.isRetryable == retryable[kind]) }
    let failure = ToolFailure(
      .invalidArguments, "m", field: "f", expected: "e", metadata: ["ok": true, "kind": "x", "code": "C"])
    #expect(
      ToolEnvelope.failure(failure).json(tool: "t")
        == #"{"code":"C","expected":"e","field":"f","kind":"invalid_args","message":"m","ok":false,"retryable":true,"tool":"t"}"#
    )
  }

  @Test("is cut in the middle where it is too long, and says how much is missing")
  func cut() {
    #expect(ToolText.capped("short", at: 10, hint: "h").text == "short")
    let (text, isCut) = ToolText.capped(String(repeating: "é", count: 30), at: 9, hint: "look at it")
    #expect(isCut)
    #expect(text == "éééééé\n... [TRUNCATED: 21 of 30 chars omitted — look at it] ...\nééé")
  }

  @Test("comes of JSON that is bounded in length and depth")
  func bounds() throws {
    #expect(try ToolValue(json: #"{"a":[1,2.5,null,true,"x"]}"#)["a"]?.elements?.count == 5)
    for text in [
      "", "{", String(repeating: "[", count: 100_000), String(repeating: #"{"a":"#, count: 65), "nul",
    ] {
      #expect(throws: ToolFailure.self) { try ToolValue(json: text) }
    }
    #expect(throws: ToolFailure.self) {
      try ToolValue(json: "\"" + String(repeating: "x", count: ToolValue.longest) + "\"")
    }
    let brackets = try ToolValue(json: "\"" + String(repeating: "[", count: 1000) + "\\\"[\"")
    #expect(brackets.string?.count == 1002)
  }
}

@Suite("What a tool takes")
struct ToolSchemaTests {
  private let schema = ToolSchema([
    .init("text", .text(longest: 10), "d", isRequired: true),
    .init("count", .integer(1...5), "d", standard: 3),
    .init("mode", .choice(["Fast", "slow"]), "d"), .init("flag", .flag, "d"),
    .init("names", .texts(most: 2), "d"), .init("empty", .text(), "d", keepsEmpty: true),
    .init("parts", .objects(ToolSchema([.init("n", .integer(0...9), "d", isRequired: true)]), most: 2), "d"),
    .init("ratio", .number, "d"),
  ])

  private func take(_ json: String) throws -> [String: ToolValue] {
    try schema.accept(ToolValue(json: json)).members
  }

  private func refusedField(_ json: String) -> String? {
    do {
      _ = try take(json)
      return nil
    } catch {
      let failure = error as? ToolFailure
      #expect(failure?.kind == .invalidArguments)
      #expect(failure?.expected != nil)
      return failure?.field ?? ""
    }
  }

  @Test("is what is meant, also where it is spelled as something else")
  func coercion() throws {
    #expect(try take(#"{"text":"x"}"#) == ["text": "x", "count": 3])
    #expect(try take(#"{"text":7,"count":"4"}"#) == ["text": "7", "count": 4])
    #expect(try take(#"{"text":"x","count":4.0}"#)["count"] == 4)
    #expect(try take(#"{"text":"x","mode":"FAST","flag":"True"}"#)["mode"] == "Fast")
    #expect(try take(#"{"text":"x","flag":"false"}"#)["flag"] == false)
    #expect(try take(#"{"text":"x","names":"[\"a\",\"b\"]"}"#)["names"] == ["a", "b"])
    #expect(
      try take(#"{"text":"x","mode":"","flag":null,"empty":""}"#) == ["text": "x", "count": 3, "empty": ""])
    #expect(try take(#"{"properties":{"text":"x"}}"#)["text"] == "x")
    #expect(try take(#"{"text":"x","parts":"[{\"n\":\"1\"}]"}"#)["parts"] == [["n": 1]])
    #expect(try take(#"{"text":"x","ratio":"0.5"}"#)["ratio"] == .double(0.5))
    #expect(try schema.accept(.string(#"{"text":"x"}"#)).members["text"] == "x")
  }

  @Test("is refused with the first argument that cannot be taken")
  func refusals() {
    #expect(refusedField("{}") == "text")
    #expect(refusedField(#"{"text":""}"#) == nil)
    #expect(refusedField(#"{"text":"12345678901"}"#) == "text")
    #expect(refusedField(#"{"text":["x"]}"#) == "text")
    for count in ["0", "6", "1.5", "\"x\"", "\"\\u0661\"", "true", "1e99", "\"1e99\""] {
      #expect(refusedField(#"{"text":"x","count":\#(count)}"#) == "count")
    }
    #expect(refusedField(#"{"text":"x","mode":"other","flag":"perhaps"}"#) == "mode")
    #expect(refusedField(#"{"text":"x","names":[]}"#) == "names")
    #expect(refusedField(#"{"text":"x","names":["a","b","c"]}"#) == "names")
    #expect(refusedField(#"{"text":"x","names":["a",1]}"#) == "names")
    #expect(refusedField(#"{"text":"x","parts":[{"n":1},{"n":"y"}]}"#) == "parts[1].n")
    #expect(refusedField(#"{"text":"x","parts":[{"n":1,"m":2}]}"#) == "parts[0].m")
    #expect(refusedField(#"{"text":"x","other":1}"#) == "other")
    #expect(refusedField("[]") == "")
    #expect(refusedField("7") == "")
  }

  @Test("is shown as a schema that takes nothing else")
  func json() throws {
    let json = ToolSchema([.init("a", .integer(1...2), "d", isRequired: true)]).json
    #expect(
      json.json
        == #"{"additionalProperties":false,"properties":{"a":{"description":"d","maximum":2,"minimum":1,"type":"integer"}},"required":["a"],"type":"object"}"#
    )
    for definition in try ToolGround().tools.definitions {
      #expect(definition.schema.json["additionalProperties"] == false)
      #expect(!definition.description.isEmpty)
    }
  }
}
