import Foundation
import Keyring
import Storage
import Stores
import Testing

@testable import Host

@Suite("osaurus-host tool", .serialized, .timeLimit(.minutes(10)))
struct ToolCommandTests {
  @Test(
    "an index without tools says so, and one with some lists, finds and shows them, with a service and without",
    arguments: [false, true])
  func life(served: Bool) async throws {
    try await Program.run { program in
      let empty = try await program("tool", "list")
      #expect(empty.status == 0 && empty.output.contains("There are no tools"))
      let folders = HostFolders(home: URL(filePath: program.home))
      let settings = try HostSettings.load(folders: folders, environment: [:])
      let databases = try HostDatabases.open(
        in: folders, key: try HostStorage(folders: folders, settings: settings).key)
      try await ToolStore(databases.toolIndex).replace(
        [
          NewTool(
            name: #require(ToolName(rawValue: "forecast")), description: "Tells the weather.\nAnywhere.",
            runtime: .sandbox, parameters: ToolParameters(json: #"{"properties":{"city":{}}}"#))
        ], of: #require(ToolSource(rawValue: "plugin:weather")))
      databases.close()
      func walk() async throws {
        #expect(
          try await program("tool", "list", "--json").list.map { $0["name"] as? String } == ["forecast"])
        let listed = try await program("tool", "list")
        #expect(listed.output.contains("plugin:weather/forecast") && !listed.output.contains("Anywhere"))
        let found = try await program("tool", "search", "what the weather will be in a city")
        #expect(found.output.contains("forecast") && found.errors.contains("By words alone"))
        #expect(try await program("tool", "search", "xylophone").output.contains("No tool fits that"))
        let shown = try await program("tool", "show", "plugin:weather/forecast")
        #expect(shown.output.contains("Anywhere") && shown.output.contains("city"))
        #expect(
          try await program("tool", "show", "forecast", "--json").json["runtime"] as? String == "sandbox")
        let none = try await program("tool", "show", "nothing", "--json")
        #expect(none.status == 4 && none.code == "tool_not_found")
      }
      if served {
        try await program.serve { _ in try await walk() }
      } else {
        try await walk()
      }
    }
  }
}
