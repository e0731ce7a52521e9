import Foundation
import Sandbox
import Stores
import Testing

@testable import Host

/// Plugins over the real socket, in real sandboxes.
@Suite("Plugins over the bridge", .serialized, .timeLimit(.minutes(10)))
struct BridgePluginTests {
  private static func recipe(
    _ name: String = "Weather", run: String = "echo sunny", _ more: String = ""
  ) -> String {
    let text = String(decoding: (try? JSONEncoder().encode(run)) ?? Data(), as: UTF8.self)
    return """
      {"name": "\(name)", "description": "About the weather.", \(more)
       "tools": [{"id": "look", "description": "Looks.", "run": \(text)}]}
      """
  }

  private static func install(_ bridge: ServedBridge, _ recipe: String, replaces: Bool = false) async throws {
    let tools = try await bridge.host.services.sandboxes.tools(
      of: bridge.agent, origin: .owner, asksOwner: false)
    _ = try await tools.install(
      PluginOrder(
        recipe: try PluginRecipe(json: Data(recipe.utf8)), maker: .owner, replaces: replaces), origin: .owner)
  }

  /// What a tool of the agent's says.
  private static func say(
    _ bridge: ServedBridge, _ tool: String, _ arguments: ToolValue = [:]
  ) async throws -> String? {
    let tools = try await bridge.host.services.sandboxes.tools(of: bridge.agent)
    let envelope = await tools.call(tool, arguments: arguments)
    if case .success(let result, _) = envelope { return result["stdout"]?.string }
    return "\(envelope)"
  }

  @Test("are made by an agent's code, with less than they ask for, and called as its tools")
  func create() async throws {
    try await ServedBridge.run { bridge in
      let recipe = Self.recipe(
        "Weather Report", #""permissions": {"network": "outbound", "inference": true},"#)
      let made = try await bridge.client.ask("POST", "/api/plugin/create", Array(recipe.utf8))
      #expect(made.status == 200)
      #expect(made.json["status"] as? String == "installed")
      #expect(made.json["plugin_id"] as? String == "weather-report")
      #expect(made.json["plugin_name"] as? String == "Weather Report")
      #expect(
        (made.json["tools"] as? [[String: String]]) == [
          ["name": "weather-report_look", "description": "Looks."]
        ])
      let plugin = try bridge.host.services.sandboxes.plugins.shelf(of: bridge.agent).plugin("weather-report")
      #expect(plugin.maker == .hostBridge)
      #expect(plugin.recipe.network == .none)
      #expect(!plugin.recipe.mayInfer)
      #expect(try await Self.say(bridge, "weather-report_look") == "sunny\n")
      // It is one agent's.
      let others = try await bridge.host.services.sandboxes.tools(of: bridge.other)
      #expect(!others.definitions.contains { $0.name == "weather-report_look" })
      // The same again is there already; another one takes its place on purpose alone.
      #expect(try await bridge.client.ask("POST", "/api/plugin/create", Array(recipe.utf8)).status == 200)
      let changed = Array(Self.recipe("Weather Report", run: "echo rainy").utf8)
      #expect(try await bridge.client.ask("POST", "/api/plugin/create", changed).status == 400)
      #expect(try await bridge.client.ask("POST", "/api/plugin/create?replace=true", changed).status == 200)
      #expect(try await Self.say(bridge, "weather-report_look") == "rainy\n")
    }
  }

  @Test("are refused with what is wrong with them: 400, 403, 429, 500, 503")
  func refusals() async throws {
    try await ServedBridge.run { bridge in
      for recipe in ["", "[]", "{", #"{"name": "x"}"#, #"{"name": "../x", "description": "y"}"#] {
        let said = try await bridge.refusal("POST", "/api/plugin/create", recipe)
        #expect(said.hasPrefix("400 "), "\(recipe)")
      }
      let binary = Self.recipe("b", #""files": {"a": "\u0000"},"#)
      let said = try await bridge.refusal("POST", "/api/plugin/create", binary)
      #expect(said.contains("binary"))
    }
    try await ServedBridge.run { bridge in
      let missing = Self.recipe("c", #""dependencies": ["no-such-program"],"#)
      #expect(try await bridge.refusal("POST", "/api/plugin/create", missing).hasPrefix("400 "))
      let failing = Self.recipe("d", #""setup": "exit 3","#)
      #expect(try await bridge.refusal("POST", "/api/plugin/create", failing).hasPrefix("500 "))
      // What its setup needs is asked of the owner.
      let removing = Self.recipe("e", #""setup": "rm -f x","#)
      let asked = try await bridge.refusal("POST", "/api/plugin/create", removing)
      #expect(asked.hasPrefix("403 ") && asked.contains("osaurus-host sandbox requests"))
      #expect(bridge.host.services.sandboxes.plugins.shelf(of: bridge.agent).contents.plugins.isEmpty)
      // The owner's is not an agent's to replace.
      try await Self.install(bridge, Self.recipe())
      let mine = Self.recipe(run: "echo mine")
      #expect(try await bridge.refusal("POST", "/api/plugin/create?replace=true", mine).hasPrefix("403 "))
      #expect(try await Self.say(bridge, "weather_look") == "sunny\n")
      // Nor is one that the owner gave a secret to.
      let own = Self.recipe("own", #""secrets": ["KEY"],"#)
      #expect(try await bridge.client.ask("POST", "/api/plugin/create", Array(own.utf8)).status == 200)
      try await bridge.host.services.sandboxes.secretStore.set(
        "KEY", to: Array("correct-horse-battery".utf8), agent: bridge.agent, plugin: "own")
      let other = Self.recipe("own", run: "echo $KEY", #""secrets": ["KEY"],"#)
      #expect(try await bridge.refusal("POST", "/api/plugin/create?replace=true", other).hasPrefix("403 "))
      for number in 0..<4 {
        _ = try await bridge.client.ask("POST", "/api/plugin/create", Array(Self.recipe("n\(number)").utf8))
      }
      #expect(try await bridge.refusal("POST", "/api/plugin/create", Self.recipe("n9")).hasPrefix("429 "))
    }
    // One change at a time.
    try await ServedBridge.run { bridge in
      let shelf = PluginShelf(of: bridge.host.services.sandboxes.places(of: bridge.agent))
      let order = PluginOrder(recipe: try PluginRecipe(json: Data(Self.recipe("z").utf8)), maker: .owner)
      _ = try await shelf.install(
        order, admit: { _ in },
        setUp: { _ in
          let said = try await bridge.refusal("POST", "/api/plugin/create", Self.recipe())
          #expect(said.hasPrefix("503 "))
          return nil
        })
    }
    // A plugin makes none.
    try await ServedBridge.run(plugin: "weather") { bridge in
      let said = try await bridge.refusal("POST", "/api/plugin/create", Self.recipe())
      #expect(said.hasPrefix("403 "))
    }
  }

  @Test("get from the host what is theirs, whatever they say that they are")
  func identity() async throws {
    try await ServedBridge.run { bridge in
      let store = bridge.host.services.sandboxes.secretStore
      let run = """
        osaurus-host secrets get KEY | rev; osaurus-host secrets get OTHER 2>&1
        osaurus-host config set seen "$PARAM_X" && osaurus-host config get seen
        osaurus-host inference chat hello 2>&1
        osaurus-host agent dispatch hello 2>&1; true
        """
      let tool = """
        {"id": "look", "description": "d", "run": \(String(decoding: try JSONEncoder().encode(run), as: UTF8.self)),
         "parameters": {"x": {}}}
        """
      for name in ["one", "two"] {
        try await Self.install(
          bridge, #"{"name": "\#(name)", "description": "d", "secrets": ["KEY"], "tools": [\#(tool)]}"#)
        try await store.set("KEY", to: Array("secret-of-\(name)".utf8), agent: bridge.agent, plugin: name)
      }
      try await store.set("OTHER", to: Array("the-agents-own".utf8), agent: bridge.agent)
      for name in ["one", "two"] {
        let said = try #require(
          try await Self.say(bridge, "\(name)_look", ["x": .string(name)]))
        let lines = said.split(separator: "\n").map(String.init)
        #expect(lines.first == String("secret-of-\(name)".reversed()), "\(said)")
        #expect(said.contains("error 404: There is no secret 'OTHER'."), "\(said)")
        #expect(lines.contains(name), "\(said)")
        #expect(
          said.components(separatedBy: "error 403: This plugin may not ask models.").count == 3, "\(said)")
      }
      // What one keeps, no other one has, nor has the agent.
      let config = bridge.host.services.sandboxes.configStore
      #expect(try await config.value("seen", agent: bridge.agent, plugin: "one") == "one")
      #expect(try await config.value("seen", agent: bridge.agent) == nil)
      #expect(
        try await bridge.refusal("GET", "/api/secrets/KEY", headers: ["X-Osaurus-Plugin: one"]).hasPrefix(
          "404"))
      #expect(
        try await bridge.refusal("GET", "/api/config/seen", headers: ["X-Osaurus-Plugin: ../one"]).hasPrefix(
          "404"))
      // They go with it.
      try await bridge.host.services.sandboxes.plugins.remove("one", of: bridge.agent)
      #expect(try await store.names(agent: bridge.agent, plugin: "one") == [])
      #expect(try await config.value("seen", agent: bridge.agent, plugin: "one") == nil)
      #expect(try await store.names(agent: bridge.agent, plugin: "two") == ["KEY"])
      // What an earlier one of that name left is nothing that a new one finds.
      try await store.set("KEY", to: Array("left".utf8), agent: bridge.agent, plugin: "three")
      let taking = Self.recipe("three", run: "echo [$KEY]", #""secrets": ["KEY"],"#)
      #expect(try await bridge.client.ask("POST", "/api/plugin/create", Array(taking.utf8)).status == 200)
      #expect(try await Self.say(bridge, "three_look") == "[]\n")
    }
  }

  @Test("are made by the program that is in the sandbox")
  func program() async throws {
    try await ServedBridge.run { bridge in
      let made = try await bridge.shell(
        """
        cat > recipe.json <<'END'
        \(Self.recipe("Quoted One"))
        END
        osaurus-host plugin create recipe.json
        """)
      #expect(made.standardOutput.text.contains(#""plugin_id":"quoted-one""#), "\(made.standardError.text)")
      #expect(try await Self.say(bridge, "quoted-one_look") == "sunny\n")
      // An agent that is no more leaves none.
      let folder = bridge.host.services.sandboxes.places(of: bridge.agent).folder
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "plugins/quoted-one").path))
      try await bridge.host.services.sandboxes.remove(bridge.agent)
      #expect(!FileManager.default.fileExists(atPath: folder.path))
    }
  }
}
