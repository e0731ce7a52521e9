import Foundation
import Identity
import Testing

@Suite("osaurus-host key", .serialized, .timeLimit(.minutes(10)))
struct KeyCommandTests {
  @Test("every key is listed with what it is worth, and what to do about the one that opens all for ever")
  func statuses() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      for (label, agent, expires) in [
        ("phone", "Ada", "30d"), ("old", nil, "never"), ("desk", nil, "1y"), ("tv", "Ada", "never"),
      ] {
        var words = ["key", "create", "--label", label, "--expires", expires]
        if let agent { words += ["--agent", agent] }
        let made = try await program.run(words)
        #expect(made.errors.contains("best avoided") == (label == "old"))
      }
      _ = try await program("key", "revoke", "desk")
      let list = try await program("key", "list", "--json")
      var statuses: [String: String] = [:]
      for key in list.list { statuses[key["label"] as? String ?? ""] = key["status"] as? String }
      #expect(statuses == ["phone": "active", "old": "legacy", "desk": "revoked", "tv": "active"])
      let prints = list.list.compactMap { $0["fingerprint"] as? String }
      #expect(Set(prints.map { $0.prefix(6) }).count == 4)

      let table = try await program("key", "list")
      for text in ["phone", "legacy", "whole host", "never", "FINGERPRINT", "osaurus-host key show"] + prints
      {
        #expect(table.output.contains(text), "\(text)")
      }
      #expect(!(table.output + list.output).contains("osk-v1"))
      let old = try await program("key", "show", "old")
      #expect(old.output.contains("advice") && old.output.contains("osaurus-host key create --agent"))
      let phone = try await program("key", "show", String(prints[3].prefix(6)), "--json")
      #expect(phone.json["label"] as? String == "phone")
      #expect(phone.json["advice"] == nil && phone.json["lastUsedAt"] == nil)
    }
  }

  @Test("the service notes when a key was used, and keeps it when it stops")
  func lastUse() async throws {
    try await Program.run { program in
      let made = try await program("key", "create", "--label", "phone", "--json")
      let key = try #require(made.json["key"] as? String)
      try await program.serve { service in
        let answer = try await WireClient(port: service.port, key: key).ask("GET", "/models")
        #expect(answer.status == 200)
      }
      let shown = try await program("key", "show", "phone", "--json")
      #expect(shown.json["lastUsedAt"] is String)
    }
  }

  @Test("all keys go at once, of one agent or of the host, and new ones are good", arguments: [false, true])
  func all(ofAgent: Bool) async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      func key(_ agent: String?) async throws -> String {
        let words = ["key", "create", "--json"] + (agent.map { ["--agent", $0] } ?? [])
        return try #require(try await program.run(words).json["key"] as? String)
      }
      let (adas, whole) = (try await key("Ada"), try await key(nil))
      try await program.serve { service in
        func status(_ key: String) async throws -> Int {
          try await WireClient(port: service.port, key: key).ask("GET", "/agents").status
        }
        let before = (try await status(adas), try await status(whole))
        #expect(before == (200, 200))
        let scope = ofAgent ? ["--agent", "Ada"] : []
        let gone = try await program.run(["key", "revoke", "--all", "--yes", "--json"] + scope)
        #expect(gone.status == 0, "\(gone)")
        #expect(gone.json["revoked"] as? Int == (ofAgent ? 1 : 2))
        let after = (try await status(adas), try await status(whole))
        #expect(after == (401, ofAgent ? 200 : 401))
        let new = (try await status(try await key("Ada")), try await status(try await key(nil)))
        #expect(new == (200, 200))
      }
    }
  }

  @Test("somebody else's address is trusted, listed and distrusted", arguments: [false, true])
  func trust(served: Bool) async throws {
    try await Program.run { program in
      let agent = try await program("agent", "create", "Ada", "--json")
      let (own, friend) = (
        try #require(agent.json["address"] as? String), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
      )
      func body() async throws {
        let none = try await program("key", "trusted")
        #expect(none.output.contains("Nobody else"))
        let trusted = try await program(
          "key", "trust", friend.lowercased(), "--agent", "Ada", "--label", "studio", "--json")
        #expect(trusted.status == 0, "\(trusted)")
        #expect(trusted.json["issuer"] as? String == friend)
        #expect(trusted.json["agentAddress"] as? String == own)
        let everywhere = try await program("key", "trust", friend, "--all-agents")
        #expect(everywhere.output.contains("every agent"))
        let list = try await program("key", "trusted", "--json")
        #expect(list.list.count == 2)
        let table = try await program("key", "trusted")
        for text in [friend, "Ada", "every agent", "studio"] { #expect(table.output.contains(text)) }
        let shown = try await program("agent", "show", "Ada")
        #expect(shown.output.contains(friend))
        let mass = try await program("key", "revoke", "--all", "--yes")
        #expect(mass.output.contains("osaurus-host key trusted"))

        let refused = try await program("key", "trust", own, "--whole-host", "--json")
        #expect(refused.status == 1 && refused.code == "own_address")
        let part = try await program("key", "distrust", friend, "--agent", "Ada", "--json")
        #expect(part.list.map { $0["scope"] as? String } == ["agent"])
        let rest = try await program("key", "distrust", friend)
        #expect(rest.status == 0 && rest.output.contains("every agent"))
        let empty = try await program("key", "trusted", "--json")
        #expect(empty.list.isEmpty && empty.status == 0)
      }
      if served { try await program.serve { _ in try await body() } } else { try await body() }
    }
  }

  @Test("a narrow terminal gets a block for every row, a wide one a table")
  func narrow() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      _ = try await program("key", "create", "--agent", "Ada", "--label", "phone")
      // The reminder of the words comes once a day.
      _ = try await program.onTerminal("key", "trusted").end()
      for command in [["agent", "list"], ["key", "list"]] {
        for columns in [60, 120] {
          let terminal = try program.onTerminal(command[0], command[1], columns: columns, kind: "dumb")
          #expect(try await terminal.end() == 0)
          let lines = terminal.normal.split(whereSeparator: \.isNewline)
          #expect(lines.allSatisfy { $0.count <= columns }, "\(terminal.normal)")
          #expect(
            terminal.normal.contains(command[0] == "agent" ? "ADDRESS" : "FINGERPRINT") == (columns == 120))
        }
      }
    }
  }
}
