import Foundation
import Testing

@testable import Host

@Suite("storage export and import, as a person or a script uses them", .timeLimit(.minutes(10)))
struct StorageTransferCommandTests {
  private static let phrase = "five random words would do"

  /// Runs a program with a host that has an agent, and the 24 words of it.
  private func withHost(_ body: (Program, String) async throws -> Void) async throws {
    try await Program.run(isMade: false) { program in
      let made = try await program("init", "--non-interactive", "--json", "--keystore", "file")
      let words = try #require(made.json["mnemonic"] as? String)
      try #require(try await program("agent", "create", "Ada").status == 0)
      try await body(program, words)
    }
  }

  /// Runs `body` with a host of the same identity that holds nothing.
  private func withRecovered(_ words: String, _ body: (Program) async throws -> Void) async throws {
    try await Program.run(isMade: false) { program in
      let recovered = try await program("recover", "--keystore", "file", "--yes", input: words + "\n")
      try #require(recovered.status == 0, "\(recovered.errors)")
      try await body(program)
    }
  }

  @Test("a sealed export of a running service is checked and imported elsewhere")
  func sealed() async throws {
    try await withHost { program, words in
      let file = program.home + "/backup.tar.age"
      try await program.serve { _ in
        let made = try await program("storage", "export", file, "--json", input: Self.phrase + "\n")
        #expect(made.status == 0, "\(made.errors)")
        #expect(
          made.json["form"] as? String == "sealed"
            && made.json["databases"] as? Int == HostDatabases.kept.count)
      }
      let again = try await program("storage", "export", file, "--json", input: Self.phrase + "\n")
      #expect(again.status == 1 && again.code == "target_exists")
      let wrong = try await program("storage", "import", "--check", file, "--json", input: "something else\n")
      #expect(wrong.status == 1 && wrong.code == "wrong_passphrase")
      try await withRecovered(words) { other in
        let checked = try await other(
          "storage", "import", "--check", file, "--json", input: Self.phrase + "\n")
        #expect(checked.status == 0 && checked.json["imported"] as? Bool == false)
        let unasked = try await other("storage", "import", file, input: Self.phrase + "\n")
        #expect(unasked.status == 2)
        let imported = try await other("storage", "import", file, "--yes", input: Self.phrase + "\n")
        #expect(imported.status == 0, "\(imported.errors)")
        #expect(
          imported.output.contains("\(HostDatabases.kept.count) databases")
            && imported.output.contains("shut-keys"))
        let agents = try await other("agent", "list", "--json")
        #expect(agents.output.contains("\"Ada\""))
        let found1 = try await other("storage", "verify")
        #expect(found1.status == 0)
        let found2 = try await other("identity", "health")
        #expect(found2.status == 0)
        let twice = try await other("storage", "import", file, "--yes", "--json", input: Self.phrase + "\n")
        #expect(twice.status == 1 && twice.code == "not_fresh")
        try await other.serve { _ in
          let served = try await other(
            "storage", "import", file, "--yes", "--json", input: Self.phrase + "\n")
          #expect(served.status == 1 && served.code == "data_in_use")
        }
      }
      try await Program.run { stranger in
        let refused = try await stranger(
          "storage", "import", file, "--yes", "--json", input: Self.phrase + "\n")
        #expect(refused.status == 1 && refused.code == "other_identity")
      }
    }
  }

  @Test("a plain export warns, asks on a terminal, and needs --yes without one")
  func plain() async throws {
    try await withHost { program, words in
      let folder = program.home + "/backup"
      let unasked = try await program("storage", "export", folder)
      #expect(unasked.status == 2 && unasked.errors.contains("NOT encrypted"))
      #expect(!FileManager.default.fileExists(atPath: folder))
      let mixed = try await program("storage", "export", folder, "--passphrase")
      #expect(mixed.status == 2)

      let refused = try program.onTerminal("storage", "export", folder)
      try await refused.see("Write it unencrypted? [y/N]")
      refused.enter("n")
      #expect(try await refused.end() == 1)
      #expect(!FileManager.default.fileExists(atPath: folder))
      let agreed = try program.onTerminal("storage", "export", folder + "/")
      try await agreed.see("Write it unencrypted? [y/N]")
      agreed.enter("y")
      try await agreed.see("Exported to")
      #expect(try await agreed.end() == 0)
      #expect(FileManager.default.fileExists(atPath: folder + "/manifest.json"))

      let tar = try await program("storage", "export", folder + ".tar", "--yes")
      #expect(tar.status == 0 && tar.errors.contains("NOT encrypted"))
      try await withRecovered(words) { other in
        let found3 = try await other("storage", "import", folder, "--yes")
        #expect(found3.status == 0)
        let found4 = try await other("agent", "list")
        #expect(found4.output.contains("Ada"))
      }
      try await withRecovered(words) { other in
        let terminal = try other.onTerminal("storage", "import", folder + ".tar")
        try await terminal.see("Import")
        terminal.enter("yes")
        try await terminal.see("All of it is as it was exported.")
        #expect(try await terminal.end() == 0)
      }
    }
  }

  @Test("the age program opens what is sealed here, and what it seals is opened here")
  func age() async throws {
    try await withHost { program, words in
      let file = program.home + "/backup.tar.age"
      let sealing = try program.onTerminal("storage", "export", file)
      try await sealing.see("Passphrase for the export:")
      sealing.enter(Self.phrase)
      try await sealing.see("The same once more:")
      sealing.enter(Self.phrase)
      try await sealing.see("Exported to")
      #expect(try await sealing.end() == 0)
      #expect(!sealing.raw.contains(Self.phrase))

      func age(_ arguments: String..., seeing prompts: String...) async throws -> Int32 {
        let terminal = try PseudoTerminal(
          program, "/usr/bin/age", arguments, columns: 120, rows: 24, kind: "xterm", more: [:],
          hasAlternate: true)
        for prompt in prompts {
          try await terminal.see(prompt)
          terminal.enter(Self.phrase)
        }
        return try await terminal.end()
      }
      let opened = program.home + "/opened.tar"
      #expect(try await age("-d", "-o", opened, file, seeing: "Enter passphrase") == 0)
      let checked = try await program("storage", "import", "--check", opened)
      #expect(checked.status == 0, "\(checked.errors)")
      let theirs = program.home + "/theirs.age"
      #expect(
        try await age("-p", "-o", theirs, opened, seeing: "Enter passphrase", "Confirm passphrase") == 0)
      let again = try await program("storage", "import", "--check", theirs, input: Self.phrase + "\n")
      #expect(again.status == 0, "\(again.errors)")
    }
  }

  @Test("what is no export, not there, or sealed too weakly is refused")
  func refusals() async throws {
    try await withHost { program, _ in
      let missing = try await program("storage", "import", "--check", program.home + "/none", "--json")
      #expect(missing.status == 4 && missing.code == "export_not_found")
      let file = program.home + "/text"
      try Data("not an export".utf8).write(to: URL(filePath: file))
      for path in [file, program.home, "/dev/null"] {
        let refused = try await program("storage", "import", "--check", path, "--json")
        #expect(refused.status == 1 && refused.code == "export_refused", "\(path)")
      }
      let short = try await program("storage", "export", file + ".age", input: "too short\n")
      #expect(short.status == 1 && short.errors.contains("fewer than 12"))
      #expect(!FileManager.default.fileExists(atPath: file + ".age"))
      let stopped = try program.onTerminal("storage", "export", file + ".age")
      try await stopped.see("Passphrase for the export:")
      stopped.type(PseudoTerminal.interrupt)
      #expect(try await stopped.end() == 130)
      let away = try await program("storage", "export", "/nowhere/at/all.tar", "--yes")
      #expect(away.status == 1 && away.errors.contains("No such file or directory"))
    }
  }
}
