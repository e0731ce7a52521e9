import Foundation
import Testing

@testable import Sandbox

@Suite("What plugins need before they are there")
struct PluginSetupTests {
  @Test("their setup runs once, where their code is, and what it said is kept")
  func setup() async throws {
    let ground = try PluginGround(secrets: ["KEY": "correct-horse-battery"])
    let setup = "echo \"[$KEY]\" > made; echo x >> ~/count; echo done; ls /run"
    let outcome = try await ground.install(
      recipe(run: "cat made ~/count", ["setup": .string(setup), "secrets": ["KEY"]]))
    let kept = try #require(outcome.plugin.setup)
    #expect(kept.exitCode == 0)
    #expect(kept.said == "done")
    for _ in 0..<2 { #expect(try await ground.result("weather_look")["stdout"] == "[]\nx\n") }
    #expect(PluginShelf(of: ground.ground.profile.places).contents.plugins.first?.setup == kept)
    #expect(ground.told.words.prefix(3) == ["begun", "ended exited 0", "called succeeded"])
  }

  @Test("a setup that fails leaves nothing, and an earlier plugin as it was")
  func failing() async throws {
    let ground = try PluginGround()
    let broken = recipe(run: "echo two", ["setup": "echo broken >&2; exit 9"])
    for isThere in [false, true] {
      if isThere { _ = try await ground.install(recipe(run: "echo one")) }
      do {
        _ = try await ground.install(broken, replaces: true)
        Issue.record("installed")
      } catch let refusal as PluginRefusal {
        #expect(refusal == .setup(exitCode: 9, said: "broken"))
        #expect(refusal.failure.kind == .executionError)
      }
      #expect(ground.names() == (isThere ? ["weather"] : []))
    }
    #expect(try await ground.result("weather_look")["stdout"] == "one\n")
  }

  @Test("nothing is installed for them: what they depend on is there, or they are refused")
  func dependencies() async throws {
    let ground = try PluginGround()
    _ = try await ground.install(recipe("a", ["dependencies": ["bash", "grep"]]))
    await #expect(throws: PluginRefusal.dependencies(["no-such-program", "nor-this"])) {
      try await ground.install(recipe("b", ["dependencies": ["bash", "no-such-program", "nor-this"]]))
    }
    #expect(ground.names() == ["a"])
  }

  @Test("what would run on by itself is refused, and says so")
  func daemon() async throws {
    let ground = try PluginGround()
    do {
      _ = try await ground.install(recipe("a", ["daemon": ["command": "sleep 100"]]))
      Issue.record("installed")
    } catch let refusal as PluginRefusal {
      guard case .recipe("daemon", _) = refusal else { throw refusal }
    }
    #expect(ground.names() == [])
    #expect(ground.told.words == ["refused RECIPE_REFUSED"])
  }

  private static let draft =
    #"{"name": "Word Count", "description": "Counts.", "tools": [{"id": "count", "description": "Counts words.", "run": "./count.sh \"$PARAM_TEXT\"", "parameters": {"text": {}}}], "permissions": {"network": "outbound", "inference": true}}"#

  private static func write(_ ground: PluginGround, _ files: [String: String]) async throws {
    for (path, text) in files {
      _ = try await ground.result("sandbox_write_file", ["path": .string(path), "content": .string(text)])
    }
  }

  @Test("agents make them of a folder in their home, with less than the owner's have")
  func register() async throws {
    let ground = try PluginGround()
    try await Self.write(
      ground,
      [
        "plugins/word-count/plugin.json": Self.draft,
        "plugins/word-count/count.sh": "#!/bin/sh\necho \"$1\" | wc -w\n",
        "plugins/word-count/data/x.txt": "x",
      ])
    let made = try await ground.result("sandbox_plugin_register", ["plugin_id": "word-count"])
    #expect(made["status"] == "installed")
    #expect(made["tools"] == [["name": "word-count_count", "description": "Counts words."]])
    let counted = try await ground.result("word-count_count", ["text": "one two three"])
    #expect(counted["stdout"] == "3\n")
    let plugin = try #require(ground.plugins.installed.first)
    #expect(plugin.maker == .agentTool)
    #expect(plugin.recipe.network == .none)
    #expect(!plugin.recipe.mayInfer)
    #expect(plugin.recipe.files.count == 2)
    // What is installed is not what lies in the home.
    try await Self.write(ground, ["plugins/word-count/count.sh": "#!/bin/sh\necho changed\n"])
    #expect(try await ground.result("word-count_count", ["text": "one two"])["stdout"] == "2\n")
    let again = try await ground.failure("sandbox_plugin_register", ["plugin_id": "word-count"])
    #expect(again.metadata["code"] == "PLUGIN_EXISTS")
    _ = try await ground.result("sandbox_plugin_register", ["plugin_id": "word-count", "replace": true])
    #expect(try await ground.result("word-count_count", ["text": "one two"])["stdout"] == "changed\n")
  }

  @Test("drafts with links, binary files, other names or no recipe are refused")
  func drafts() async throws {
    let ground = try PluginGround()
    func refused(_ id: String) async throws -> ToolFailure {
      try await ground.failure("sandbox_plugin_register", ["plugin_id": .string(id)])
    }
    for id in ["../x", "", "a_b", "A", "/etc", "a/b"] {
      #expect(try await refused(id).kind == .invalidArguments)
    }
    #expect(try await refused("absent").kind == .notFound)
    try await Self.write(ground, ["plugins/other/plugin.json": Self.draft, "plugins/bad/plugin.json": "{"])
    #expect(try await refused("other").message.contains("word-count"))
    #expect(try await refused("bad").kind == .invalidArguments)
    for (name, command) in [
      ("link", "ln -s /etc/passwd x"), ("folder-link", "ln -s ~ x"), ("pipe", "mkfifo x"),
      ("binary", "printf '\\x7fELF\\x00' > x"), ("latin", "printf '\\xe4' > x"), ("spaces", "touch 'a b'"),
    ] {
      let draft = Self.draft.replacing("Word Count", with: name)
      try await Self.write(ground, ["plugins/\(name)/plugin.json": draft])
      _ = try await ground.result(
        "sandbox_exec", ["command": .string(command), "cwd": .string("plugins/\(name)")])
      #expect(try await refused(name).metadata["code"] == "RECIPE_REFUSED", "\(name)")
    }
    // The folder itself may be a link to another one.
    _ = try await ground.result("sandbox_exec", ["command": "ln -s other plugins/word-count"])
    #expect(try await refused("word-count").kind == .notFound)
    #expect(ground.names() == [])
  }

  @Test("agents that may make none have no tool for it, and owner's plugins all the same")
  func notForAgents() async throws {
    let ground = try PluginGround(mayCreate: false)
    #expect(!ground.tools.definitions.contains { $0.name == "sandbox_plugin_register" })
    #expect(try await ground.failure("sandbox_plugin_register", ["plugin_id": "a"]).kind == .toolNotFound)
    await #expect(throws: PluginRefusal.notForAgents) { try await ground.install(recipe(), by: .hostBridge) }
    _ = try await ground.install(recipe())
    #expect(try await ground.result("weather_look")["stdout"] == "sunny\n")
  }
}
