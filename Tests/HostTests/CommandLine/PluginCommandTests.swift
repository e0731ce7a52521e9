import Foundation
import Testing

/// `osaurus-host plugin`, run as a person runs it.
@Suite("The plugin commands", .serialized, .timeLimit(.minutes(10)))
struct PluginCommandTests {
  private static let recipe = #"""
    {"name": "Weather", "description": "About\u001b[2J the weather.", "version": "1.0", "author": "Ada",
     "setup": "echo made > made.txt", "files": {"say.sh": "#!/bin/sh\necho \"$1\"\n"},
     "secrets": ["WEATHER_KEY"], "permissions": {"network": "api.example.org"},
     "tools": [{"id": "say", "description": "Says it.", "run": "cat made.txt; ./say.sh \"$PARAM_CITY\"; echo ${#WEATHER_KEY}",
       "parameters": {"city": {"default": "Lisbon"}}}]}
    """#

  /// Writes a recipe beside the home, and gives its path.
  private static func file(_ program: Program, _ text: String) throws -> String {
    let path = program.home + "/recipe-\(UUID().uuidString.prefix(8)).json"
    try Data(text.utf8).write(to: URL(filePath: path))
    return path
  }

  @Test("install, list, show and remove, without a service and with one")
  func life() async throws {
    try await Program.run { program in
      #expect(try await program("agent", "create", "Ada").status == 0)
      // Otherwise the service asks for the network.
      #expect(try await program("sandbox", "mode", "Ada", "dangerous", "--yes").status == 0)
      try await Self.live(program)
      try await program.serve { _ in try await Self.live(program) }
    }
  }

  private static func live(_ program: Program) async throws {
    let path = try file(program, recipe)
    let before = try await program("plugin", "list", "Ada")
    #expect(before.output == "No plugins. Install one with: osaurus-host plugin install AGENT FILE\n")
    // Without a terminal it is shown, and not done.
    let shown = try await program("plugin", "install", "Ada", path)
    #expect(shown.status == 2)
    for part in [
      "Weather 1.0, by Ada", #"About\u{1b}[2J the weather."#, "weather_say: Says it.", "api.example.org:443",
      "WEATHER_KEY",
      "| echo made > made.txt",
    ] {
      #expect(shown.output.contains(part), "\(shown.output)")
    }
    #expect(try await program("plugin", "list", "Ada").output == before.output)

    let installed = try await program("plugin", "install", "Ada", path, "--yes")
    #expect(installed.status == 0, "\(installed)")
    #expect(installed.output.contains("Installed."))
    #expect(installed.output.contains("osaurus-host plugin secret set Ada weather WEATHER_KEY"))
    let again = try await program("plugin", "install", "Ada", "-", "--yes", "--json", input: recipe)
    #expect(again.json["status"] as? String == "unchanged", "\(again)")
    let other = recipe.replacing("Says it.", with: "Says more.")
    let clash = try await program("plugin", "install", "Ada", "-", "--yes", "--json", input: other)
    #expect(clash.status == 1)
    #expect(clash.code == "plugin_exists")

    #expect(try await program("plugin", "secret", "set", "Ada", "weather", "OTHER", input: "x").status == 1)
    #expect(
      try await program("plugin", "secret", "set", "Ada", "weather", "WEATHER_KEY", input: "twelve-bytes")
        .status == 0)
    let listed = try await program("plugin", "list", "--json")
    let rows = listed.json["plugins"] as? [[String: Any]]
    #expect(rows?.count == 1)
    #expect(rows?.first?["id"] as? String == "weather")
    #expect(rows?.first?["madeBy"] as? String == "owner")
    #expect((rows?.first?["secrets"] as? [[String: Any]])?.first?["isSet"] as? Bool == true)
    #expect(!listed.output.contains("twelve-bytes"))
    let show = try await program("plugin", "show", "Ada", "weather")
    #expect(show.output.contains("| cat made.txt; ./say.sh"))
    #expect(show.output.contains("made by you"))

    let called = try await program("sandbox", "call", "Ada", "weather_say", #"{"city": "Fa'ro; id"}"#)
    #expect(called.output.contains(#""stdout" : "made\nFa'ro; id\n12\n""#), "\(called)")

    let replaced = try await program("plugin", "install", "Ada", "-", "--replace", "--yes", input: other)
    #expect(replaced.output.contains("Replaced."))
    #expect(try await program("plugin", "remove", "Ada", "weather").status == 2)
    #expect(try await program("plugin", "remove", "Ada", "weather", "--yes").output == "weather is gone.\n")
    #expect(try await program("plugin", "remove", "Ada", "weather", "--yes").status == 4)
  }

  @Test("say what is wrong with a recipe, and change nothing")
  func refusals() async throws {
    try await Program.run { program in
      #expect(try await program("agent", "create", "Ada").status == 0)
      for (recipe, status, word) in [
        ("{", Int32(1), "no JSON"),
        (#"{"name": "x", "description": "y", "files": {"../a": "b"}}"#, 1, "`..`"),
        (#"{"name": "x", "description": "y", "files": {"a": "\u0000"}}"#, 1, "binary"),
        (#"{"name": "x", "description": "y", "dependencies": ["no-such-program"]}"#, 1, "no-such-program"),
        (#"{"name": "x", "description": "y", "daemon": {"command": "sleep 1"}}"#, 1, "daemon"),
        (#"{"name": "x", "description": "y", "setup": "echo oh no >&2; exit 4"}"#, 1, "oh no"),
      ] {
        let said = try await program("plugin", "install", "Ada", "-", "--yes", input: recipe)
        #expect(said.status == status, "\(recipe): \(said)")
        #expect(said.errors.contains(word), "\(recipe): \(said)")
      }
      #expect(try await program("plugin", "list", "--json").json["plugins"] as? [String] == [])
      #expect(try await program("plugin", "install", "Ada", "/no/such/file", "--yes").status == 4)
      #expect(
        try await program(
          "plugin", "install", "Eve", "-", "--yes", input: #"{"name": "x", "description": "y"}"#
        ).status == 4)
      #expect(try await program("plugin", "show", "Ada", "nothing").status == 4)
      #expect(try await program("plugin", "list", "Eve").status == 4)
    }
  }
}
