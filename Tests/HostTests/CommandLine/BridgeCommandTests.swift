import Foundation
import Testing

/// The bridge, tried as a person tries it.
@Suite("The commands about the bridge", .serialized, .timeLimit(.minutes(10)))
struct BridgeCommandTests {
  @Test("keep an agent's secrets, show their names alone, and take them away")
  func secrets() async throws {
    try await Program.run { program in
      #expect(try await program("agent", "create", "Ada").status == 0)
      let set = try await program("agent", "secret", "set", "Ada", "WEATHER_KEY", input: "no-one-knows-this")
      #expect(set.status == 0)
      #expect(try await program("agent", "secret", "set", "Ada", "PATH", input: "x").status == 1)
      #expect(try await program("agent", "secret", "set", "Ada", "a b", input: "x").status == 1)
      #expect(try await program("agent", "secret", "set", "Ada", "EMPTY", input: "").status == 2)
      #expect(try await program("agent", "secret", "set", "Eve", "KEY", input: "x").status == 4)
      let listed = try await program("agent", "secret", "list", "Ada", "--json")
      #expect(listed.output.contains("WEATHER_KEY"))
      #expect(!listed.output.contains("no-one-knows-this"))
      // As it lies there, it is encrypted.
      #expect(try program.files(holding: ["no-one-knows-this"]).isEmpty)
      #expect(try await program("agent", "secret", "remove", "Ada", "WEATHER_KEY").status == 2)
      #expect(try await program("agent", "secret", "remove", "Ada", "WEATHER_KEY", "--yes").status == 0)
      #expect(try await program("agent", "secret", "remove", "Ada", "WEATHER_KEY", "--yes").status == 4)
      #expect(try await program("agent", "secret", "list", "Ada").output == "No secrets.\n")
    }
  }

  @Test("lend a command of the owner's the way of the agent's commands, for as long as it runs")
  func lending() async throws {
    try await Program.run { program in
      #expect(try await program("agent", "create", "Ada").status == 0)
      #expect(
        try await program("agent", "secret", "set", "Ada", "KEY", input: "a \"quoted\" one").status == 0)
      let alone = try await program("sandbox", "exec", "--agent", "Ada", "--bridge", "--", "true")
      #expect(alone.status == 5)
      try await program.serve { _ in
        let asked = try await program(
          "sandbox", "exec", "--agent", "Ada", "--bridge", "--timeout", "120", "--", "sh", "-c",
          "osaurus-host secrets get KEY; osaurus-host tool call look; exit 7")
        #expect(asked.status == 7)
        #expect(asked.output == "a \"quoted\" one\n")
        #expect(asked.errors == "osaurus-host: error 403: This command may not call the tool 'look'.\n")
        let named = try await program(
          "sandbox", "exec", "--agent", "Ada", "--bridge", "--tool", "look", "--timeout", "120", "--",
          "osaurus-host", "tool", "call", "look")
        #expect(named.status == 1)
        #expect(named.errors == "osaurus-host: error 404: There is no tool 'look'.\n")
        let unknown = try await program("sandbox", "exec", "--agent", "Eve", "--bridge", "--", "true")
        #expect(unknown.status == 4)
        // Without it there is no way.
        let without = try await program(
          "sandbox", "exec", "--agent", "Ada", "--", "sh", "-c", "ls /run; echo \"[$OSAURUS_BRIDGE]\"")
        #expect(without.output == "[]\n")
      }
    }
  }

  @Test("say where they belong, and what they need")
  func usage() async throws {
    try await Program.run { program in
      for words in [
        ["secrets", "get", "K"], ["config", "get", "k"], ["inference", "chat", "x"], ["events", "emit", "x"],
        ["log", "info", "x"], ["agent", "dispatch", "x"], ["agent", "memory", "query", "x"],
        ["plugin", "create", "x"], ["tool", "call", "x"],
      ] {
        let said = try await program.run(words)
        #expect(said.status == 1, "\(words)")
        #expect(said.errors.contains("from inside a sandbox"), "\(words)")
      }
      #expect(try await program("sandbox", "exec", "--bridge", "--", "true").status == 2)
      #expect(
        try await program("sandbox", "exec", "--agent", "Ada", "--tool", "look", "--", "true").status == 2)
    }
  }
}
