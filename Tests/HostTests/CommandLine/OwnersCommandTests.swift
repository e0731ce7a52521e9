import Foundation
import Testing

/// `agent` and `key`, with a service and without one: they do the same.
@Suite("osaurus-host agent and key", .serialized, .timeLimit(.minutes(10)))
struct OwnersCommandTests {
  private func run(served: Bool, _ body: (Program) async throws -> Void) async throws {
    try await Program.run { program in
      if served {
        try await program.serve { _ in try await body(program) }
      } else {
        try await body(program)
      }
    }
  }

  @Test("agents are made, listed, shown, changed, rotated and deleted", arguments: [false, true])
  func agents(served: Bool) async throws {
    try await run(served: served) { program in
      let prompt = program.home + "/prompt.txt"
      try Data("You are Ada.\n".utf8).write(to: URL(filePath: prompt))
      let made = try await program(
        "agent", "create", "Ada", "--prompt-file", prompt, "--description", "first", "--json")
      #expect(made.status == 0)
      #expect(made.json["systemPrompt"] as? String == "You are Ada.\n")
      let address = try #require(made.json["address"] as? String)
      let id = try #require(made.json["id"] as? String)

      let second = try await program("agent", "create", "Ada", "--json")
      #expect(second.status == 1)
      #expect(second.code == "name_taken")
      let list = try await program("agent", "list", "--json")
      #expect(list.list.map { $0["name"] as? String } == ["Ada"])
      let table = try await program("agent", "list")
      #expect(table.output.contains("Ada") && table.output.contains(address))
      for name in ["Ada", id, address, address.lowercased()] {
        let shown = try await program("agent", "show", name, "--json")
        #expect(shown.json["id"] as? String == id)
      }

      let changed = try await program(
        "agent", "set", "Ada", "--name", "Ada Lovelace", "--model", "m/1", "--prompt-file", "-", "--json",
        input: "You are another.")
      #expect(changed.json["systemPrompt"] as? String == "You are another.")
      #expect(changed.json["model"] as? String == "m/1")
      #expect(changed.json["description"] as? String == "first")
      let words = try await program("agent", "show", "Ada Lovelace")
      #expect(words.output.contains("You are another."))

      let rotated = try await program("agent", "rotate", "Ada Lovelace", "--yes", "--json")
      #expect(rotated.json["address"] as? String != address)
      let unasked = try await program("agent", "delete", "Ada Lovelace")
      #expect(unasked.status == 2)
      #expect(unasked.errors.contains("--yes"))
      let deleted = try await program("agent", "delete", "Ada Lovelace", "--yes")
      #expect(deleted.status == 0)
      let gone = try await program("agent", "show", "Ada Lovelace")
      #expect(gone.status == 4)
    }
  }

  @Test("a key is shown once and is in no file, not even in part", arguments: [false, true])
  func keys(served: Bool) async throws {
    try await run(served: served) { program in
      _ = try await program("agent", "create", "Ada")
      let made = try await program(
        "key", "create", "--agent", "Ada", "--label", "phone", "--expires", "30d", "--json")
      #expect(made.status == 0)
      let key = try #require(made.json["key"] as? String)
      let parts = key.split(separator: ".").map(String.init)
      #expect(parts.count == 3 && parts[0] == "osk-v1")
      let master = try await program("key", "create", "--expires", "never")
      #expect(master.status == 0)
      let text = master.output.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(text.hasPrefix("osk-v1."))
      #expect(!master.errors.contains("osk-v1"))
      let others = text.split(separator: ".").map(String.init)
      let secrets = [key, parts[1], parts[2], String(parts[2].prefix(64)), text, others[1], others[2]]
      #expect(try program.files(holding: secrets).isEmpty)

      let list = try await program("key", "list", "--json")
      #expect(list.list.count == 2)
      #expect(!list.output.contains("osk-v1"))
      #expect(list.list.first { $0["label"] as? String == "phone" }?["agent"] as? String == "Ada")
      let id = try #require(made.json["id"] as? String)
      let revoked = try await program("key", "revoke", id)
      #expect(revoked.status == 0)
      let table = try await program("key", "list")
      #expect(table.output.contains("revoked") && table.output.contains("legacy"))
      #expect(!table.output.contains("osk-v1"))
    }
  }

  @Test("an agent's address is taken away and given anew, its exposure changed; everything says so")
  func addresses() async throws {
    try await Program.run { program in
      let made = try await program("agent", "create", "Ada", "--no-exposed", "--json")
      #expect(made.json["exposed"] as? Bool == false)
      let address = try #require(made.json["address"] as? String)
      let hidden = try await program("agent", "list")
      #expect(hidden.output.contains("hidden"))
      let nothing = try await program("agent", "set", "Ada")
      #expect(nothing.status == 2)
      let exposed = try await program("agent", "set", "Ada", "--exposed", "--json")
      #expect(exposed.json["exposed"] as? Bool == true)
      let key = try await program("key", "create", "--agent", address, "--json")
      #expect(key.json["agent"] as? String == "Ada")
      #expect(key.json["label"] as? String == "Key for Ada")
      let shown = try await program("agent", "show", "Ada", "--json")
      #expect(shown.json["activeKeys"] as? Int == 1)

      for command in ["revoke", "rotate", "delete"] {
        let unasked = try await program("agent", command, "Ada")
        #expect(unasked.status == 2 && unasked.errors.contains("--yes"))
      }
      let revoked = try await program("agent", "revoke", "Ada", "--yes")
      #expect(revoked.status == 0)
      #expect(revoked.output.contains("local only") && revoked.output.contains(address))
      let again = try await program("agent", "revoke", "Ada", "--yes")
      #expect(again.status == 0 && again.output.contains("already"))
      let local = try await program("agent", "list")
      #expect(local.output.contains("local") && !local.output.contains(address))
      let refused = try await program("key", "create", "--agent", "Ada", "--json")
      #expect(refused.status == 1 && refused.code == "no_address")
      let list = try await program("key", "list", "--json")
      #expect(list.list.map { $0["status"] as? String } == ["revoked"])
      let rotated = try await program("agent", "rotate", "Ada", "--yes", "--json")
      #expect(rotated.json["index"] as? Int == 1)
      let deleted = try await program("agent", "delete", "Ada", "--yes", "--json")
      #expect(deleted.json["name"] as? String == "Ada")
    }
  }

  @Test("an agent is rotated only after a person has seen what goes with its address")
  func asked() async throws {
    try await Program.run { program in
      let made = try await program("agent", "create", "Ada", "--json")
      let address = try #require(made.json["address"] as? String)
      for _ in 0..<2 { _ = try await program("key", "create", "--agent", "Ada") }
      let terminal = try program.onTerminal("agent", "rotate", "Ada")
      let question = try await terminal.see("[y/N]")
      #expect(question.contains(address) && question.contains("2 active keys"))
      terminal.enter("n")
      #expect(try await terminal.end() == 1)
      let shown = try await program("agent", "show", "Ada", "--json")
      #expect(shown.json["address"] as? String == address)
      #expect(shown.json["activeKeys"] as? Int == 2)
    }
  }

  @Test("what is said to the service in one process is known in the next")
  func acrossProcesses() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Before")
      try await program.serve { _ in
        _ = try await program("agent", "create", "During")
        let list = try await program("agent", "list", "--json")
        #expect(list.list.map { $0["name"] as? String } == ["Before", "During"])
      }
      let list = try await program("agent", "list", "--json")
      #expect(list.list.map { $0["name"] as? String } == ["Before", "During"])
    }
  }
}
