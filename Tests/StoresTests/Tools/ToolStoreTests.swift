import Foundation
import GRDB
import Testing

@testable import Stores

@Suite("Tool index")
struct ToolStoreTests {
  private let stores: TemporaryStores
  private let tools: ToolStore
  private let weather = ToolSource(rawValue: "plugin:weather")!

  init() throws {
    stores = try TemporaryStores()
    tools = stores.tools
  }

  private func tool(
    _ name: String, _ description: String = "Does it.", _ parameters: String = "{}",
    runtime: ToolRuntime = .host
  ) throws -> NewTool {
    try NewTool(
      name: #require(ToolName(rawValue: name)), description: description, runtime: runtime,
      parameters: ToolParameters(json: parameters))
  }

  private func found(_ question: String, _ vector: [Double]? = nil) async throws -> [String] {
    let embedding = vector.flatMap { Embedding(model: "m", $0) }
    return try await tools.search(question, embedding: embedding).map(\.tool.name.rawValue)
  }

  private func rows() async throws -> [String: Int64] {
    try await stores.toolIndex.read { database in
      let rows = try Row.fetchAll(database, sql: "SELECT name, row_id FROM tools")
      return Dictionary(uniqueKeysWithValues: rows.map { ($0[0], $0[1]) })
    }
  }

  @Test("what a source brings is what the index has of it, and nothing of another source")
  func replacing() async throws {
    try await tools.replace([tool("read"), tool("write")], of: .host)
    try await tools.replace([tool("read", "Reads the sky.")], of: weather)
    #expect(try await tools.list().map(\.id) == ["host/read", "host/write", "plugin:weather/read"])
    try await tools.replace([tool("write"), tool("delete")], of: .host)
    #expect(try await tools.list().map(\.id) == ["host/delete", "host/write", "plugin:weather/read"])
    try await tools.replace([], of: .host)
    #expect(try await tools.list().map(\.id) == ["plugin:weather/read"])
    #expect(try await found("does").isEmpty)
  }

  @Test("a tool that is as it was keeps its time and its vector; one that changed loses both")
  func unchanged() async throws {
    let then = Date(timeIntervalSince1970: 1)
    try await tools.replace(
      [tool("same", "a", #"{"b":1, "a":2}"#), tool("other", "a")], of: .host, now: then)
    let embedding = try #require(Embedding(model: "m", [1, 0]))
    let waiting = try await tools.unembedded(model: "m", limit: 10)
    #expect(waiting.count == 2)
    try await tools.keep(waiting.map { ($0, embedding) })
    #expect(Set(try await found("zzz", [1, 0])) == ["same", "other"])
    try await tools.replace([tool("same", " a\n", #"{"a":2,"b":1}"#), tool("other", "b")], of: .host)
    #expect(try await tools.find("same").updatedAt == then)
    #expect(try await tools.find("other").updatedAt > then)
    #expect(try await tools.unembedded(model: "m", limit: 10).map(\.text) == ["other\nb"])
    #expect(try await found("zzz", [1, 0]) == ["same"])
    #expect(try await tools.embeddedCount() == 1)
  }

  @Test("tools are found by name, description and parameters, the name counting for most")
  func words() async throws {
    let schema = #"""
      {"type":"object","properties":{"city":{"type":"string","description":"Where to look for rain"},
       "unit":{"enum":["celsius","kelvin"]},"within":{"properties":{"radius":{"title":"kilometres around"}}}}}
      """#
    try await tools.replace(
      [
        tool("get_forecast", "Tells what the weather will be.", schema),
        tool("rain_alarm", "Wakes you."), tool("search_files", "Finds text, also about rain, in files."),
      ], of: .host)
    #expect(try await found("forecast") == ["get_forecast"])
    #expect(try await found("WEATHER") == ["get_forecast"])
    for word in ["city", "kelvin", "radius", "kilometres"] {
      #expect(try await found(word) == ["get_forecast"])
    }
    #expect(try await found("rain") == ["rain_alarm", "search_files", "get_forecast"])
    // Keywords of JSON schemas are no words of a tool.
    #expect(try await found("properties").isEmpty)
    #expect(try await found("files xylophone") == ["search_files"])
    #expect(try await found("").isEmpty)
    #expect(try await found("\"OR\" -").isEmpty)
  }

  @Test("words and meaning are fused, and meaning alone finds, too")
  func fusion() async throws {
    try await tools.replace(
      [tool("boat_rent", "Rents a boat."), tool("ship_hire"), tool("boat_paint"), tool("tea")], of: .host)
    let vectors: [String: [Double]] = [
      "boat_rent": [1, 0, 0], "ship_hire": [1, 0.1, 0], "boat_paint": [0, 1, 0], "tea": [-1, 0, 0],
    ]
    let waiting = try await tools.unembedded(model: "m", limit: 10)
    try await tools.keep(
      waiting.map { text in
        let name = text.text.split(separator: "\n").first.map(String.init) ?? ""
        return (text, try #require(Embedding(model: "m", vectors[name] ?? [])))
      })
    let hits = try await tools.search("boat", embedding: Embedding(model: "m", [1, 0, 0]))
    #expect(hits.first?.tool.name.rawValue == "boat_rent")
    #expect(hits.first.map { $0.byWords && $0.byMeaning } == true)
    #expect(!hits.map(\.tool.name.rawValue).contains("tea"))
    #expect(try await tools.search("boat").allSatisfy { !$0.byMeaning })
    #expect(try await tools.search("boat", limit: 1).count == 1)
    #expect(await tools.holding.vectors == 4)
  }

  @Test("rows keep their numbers through a VACUUM, and the index with them")
  func vacuum() async throws {
    for round in 0..<3 {
      try await tools.replace((0..<40).filter { $0 % 3 == round }.map { try tool("tool\($0)") }, of: .host)
      try await tools.replace([tool("kept\(round)")], of: try #require(ToolSource(rawValue: "s\(round)")))
    }
    let before = try await rows()
    try await stores.toolIndex.vacuum()
    #expect(try await rows() == before)
    for name in before.keys { #expect(try await found(name) == [name]) }
  }

  @Test("a tool is named by its id, or by its name where one alone has it")
  func references() async throws {
    try await tools.replace([tool("read"), tool("write")], of: .host)
    try await tools.replace([tool("read")], of: weather)
    #expect(try await tools.find("write").id == "host/write")
    #expect(try await tools.find("plugin:weather/read").source == weather)
    await #expect(throws: ToolError.ambiguousTool("read", ids: ["host/read", "plugin:weather/read"])) {
      _ = try await tools.find("read")
    }
    for reference in ["", "host/", "host/none", "WRITE", "'; --"] {
      await #expect(throws: ToolError.noSuchTool(reference)) { _ = try await tools.find(reference) }
    }
  }

  @Test("what does not fit is refused as a whole")
  func refusals() async throws {
    try await tools.replace([tool("kept")], of: .host)
    await #expect(throws: ToolError.nameTwice("a")) {
      try await tools.replace([tool("a"), tool("b"), tool("a", "c")], of: .host)
    }
    let many = try (0...ToolStore.mostOfOneSource).map { try tool("t\($0)") }
    await #expect(throws: ToolError.tooMany(source: "host")) { try await tools.replace(many, of: .host) }
    #expect(try await tools.list().map(\.id) == ["host/kept"])
    try await tools.replace(Array(many.dropLast()), of: .host)
    #expect(try await tools.list().count == ToolStore.mostOfOneSource)
  }

  @Test("whichever write of a replacement fails, the index is as it was", arguments: 0..<4)
  func halfWay(writes: Int) async throws {
    try await tools.replace([tool("a"), tool("b")], of: .host)
    let before = try await tools.list()
    // The database refuses the row after so many.
    try await stores.toolIndex.write {
      try $0.execute(
        sql: """
          CREATE TABLE budget (left INTEGER); INSERT INTO budget VALUES (\(writes));
          CREATE TRIGGER ins BEFORE INSERT ON tools BEGIN
            SELECT raise(ABORT, 'stop') WHERE (SELECT left FROM budget) <= 0; UPDATE budget SET left = left - 1; END;
          CREATE TRIGGER del BEFORE DELETE ON tools BEGIN
            SELECT raise(ABORT, 'stop') WHERE (SELECT left FROM budget) <= 0; UPDATE budget SET left = left - 1; END;
          """)
    }
    await #expect(throws: DatabaseError.self) {
      try await tools.replace([tool("c"), tool("d"), tool("e")], of: .host)
    }
    #expect(try await tools.list() == before)
    #expect(try await found("does").count == 2)
  }
}

@Suite("What a tool is called and takes")
struct ToolParsingTests {
  @Test(
    "names are what models take", arguments: ["a", "search_memory", "A-1", String(repeating: "x", count: 64)])
  func names(text: String) { #expect(ToolName(rawValue: text)?.rawValue == text) }

  @Test(
    "other names are refused",
    arguments: ["", "a b", "a/b", "a.b", "é", "a\u{0}", "a\n", String(repeating: "x", count: 65)])
  func badNames(text: String) { #expect(ToolName(rawValue: text) == nil) }

  @Test("sources are told apart by plain characters", arguments: ["", "a/b", "a b", "é", "a\u{301}"])
  func badSources(text: String) {
    #expect(ToolSource(rawValue: text) == nil)
    #expect(ToolSource(rawValue: String(repeating: "x", count: 121)) == nil)
    #expect(ToolSource(rawValue: "plugin:com.example_1-2")?.rawValue == "plugin:com.example_1-2")
  }

  @Test("a schema is an object in one spelling")
  func schema() throws {
    #expect(try ToolParameters(json: " {\"b\" : [1, true], \"a\":{}} ").json == #"{"a":{},"b":[1,true]}"#)
  }

  @Test(
    "a schema that is none, or too much, is refused",
    arguments: [
      "", "[]", "1", "\"a\"", "null", "{", "{}{}", "{\"a\":}", "{\"a\":01}", "{'a':1}", "{\"a\":\"\u{1}\"}",
      "{\"a\":1e400}",
      String(repeating: "{\"a\":", count: 33) + "{}" + String(repeating: "}", count: 33),
      "{\"a\":" + String(repeating: "[", count: 100_000),
      String(repeating: "[", count: 1000) + String(repeating: "]", count: 1000),
      "{\"a\":\"" + String(repeating: "x", count: ToolParameters.longest) + "\"}",
    ])
  func badSchemas(json: String) {
    #expect {
      _ = try ToolParameters(json: json)
    } throws: { error in
      guard let error = error as? ToolError, case .badParameters = error else { return false }
      return error.description.hasSuffix(".") && error.description.utf8.count < 300
    }
  }

  @Test("a schema may nest as deep as is said")
  func deepest() throws {
    let levels = ToolParameters.deepest - 1
    _ = try ToolParameters(
      json: String(repeating: "{\"a\":", count: levels) + "{}" + String(repeating: "}", count: levels))
  }

  @Test("the words of a schema are bounded")
  func words() throws {
    let text = String(repeating: "long ", count: 10_000)
    #expect(
      try ToolParameters(json: "{\"description\":\"\(text)\"}").words.utf8.count
        == ToolParameters.longestWords)
  }

  @Test("a description has some text, and not too much")
  func descriptions() throws {
    let name = try #require(ToolName(rawValue: "a"))
    let nothing = try ToolParameters(json: "{}")
    for text in ["", " \n", String(repeating: "x", count: NewTool.longestDescription + 1)] {
      #expect(throws: ToolError.badDescription(of: "a")) {
        _ = try NewTool(name: name, description: text, runtime: .host, parameters: nothing)
      }
    }
    let tool = try NewTool(name: name, description: "null \u{0}", runtime: .host, parameters: nothing)
    #expect(tool.description == "null \u{FFFD}")
  }

  @Test(
    "every refusal is a sentence",
    arguments: [
      ToolError.noSuchTool("a"), .ambiguousTool("a", ids: ["b/a", "c/a"]), .badDescription(of: "a"),
      .badParameters("the schema is not JSON"), .nameTwice("a"), .tooMany(source: "a"),
    ])
  func sentence(error: ToolError) {
    #expect(error.description.hasSuffix("."))
    #expect(!error.description.contains("\n"))
  }
}
