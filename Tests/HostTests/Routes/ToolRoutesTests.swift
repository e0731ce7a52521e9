import Agents
import Foundation
import Stores
import Testing

@testable import Host

@Suite("The owner's questions about tools", .serialized, .timeLimit(.minutes(10)))
struct ToolRoutesTests {
  private func tool(_ name: String, _ description: String, _ parameters: String = "{}") throws -> NewTool {
    try NewTool(
      name: #require(ToolName(rawValue: name)), description: description, runtime: .sandbox,
      parameters: ToolParameters(json: parameters))
  }

  @Test("what is registered is listed, found and shown, with its parameters as JSON; nothing is there before")
  func life() async throws {
    try await WholeHost.run { host in
      #expect((try await host.ask("GET", "/control/tools").json["tools"] as? [Any])?.isEmpty == true)
      let schema = #"{"properties":{"city":{"type":"string"}},"type":"object"}"#
      let weather = try #require(ToolSource(rawValue: "plugin:weather"))
      try await host.services.tools.publish(
        [tool("forecast", "Tells the weather.", schema), tool("paint", "Paints.")], of: weather)
      let listed = try #require(
        try await host.ask("GET", "/control/tools").json["tools"] as? [[String: Any]])
      #expect(
        listed.compactMap { $0["id"] as? String } == ["plugin:weather/forecast", "plugin:weather/paint"])
      let found = try await host.ask("POST", "/control/tools/search", #"{"text":"city weather","limit":1}"#)
      let hit = try #require((found.json["hits"] as? [[String: Any]])?.first)
      #expect((hit["tool"] as? [String: Any])?["name"] as? String == "forecast")
      #expect(found.json["ranking"] as? String == "words")
      for path in ["/control/tools/forecast", "/control/tools/plugin%3Aweather%2Fforecast"] {
        let shown = try await host.text("GET", path)
        #expect(shown.contains(#""parameters":\#(schema)"#))
        #expect(shown.contains(#""runtime":"sandbox""#))
      }
      #expect(try await host.ask("GET", "/control/tools/nothing").status == 404)
      #expect(try await host.ask("POST", "/control/tools/search", "[]").status == 400)
      try await host.services.tools.publish([tool("forecast", "Another.")], of: .host)
      let ambiguous = try await host.ask("GET", "/control/tools/forecast")
      #expect(ambiguous.status == 409 && ambiguous.json["error"] as? String == "tool_ambiguous")
      // What an earlier version brought goes at the start of this one.
      await host.services.publishTools()
      #expect(try await host.ask("GET", "/control/tools/host%2Fforecast").status == 404)
    }
  }

  @Test("with a model for embeddings, tools are found by what they mean")
  func meaning() async throws {
    let environment = ["OSAURUS_EMBEDDING_MODEL": ScriptedModelServer.meaningModel]
    try await WholeHost.run(environment: environment) { host in
      try await host.services.tools.publish(
        [tool("moor", "Ties the ship to its mooring."), tool("brew", "Makes coffee.")], of: .host)
      try await host.services.tools.embedAll()
      let found = try await host.ask("POST", "/control/tools/search", #"{"text":"sail","limit":1}"#)
      #expect(found.json["ranking"] as? String == "words-and-meaning")
      let hit = try #require((found.json["hits"] as? [[String: Any]])?.first)
      #expect((hit["tool"] as? [String: Any])?["name"] as? String == "moor")
      #expect(hit["byWords"] as? Bool == false && hit["byMeaning"] as? Bool == true)
    }
  }
}
