import Foundation
import Identity
import Testing

@Suite("osaurus-host storage slots", .serialized, .timeLimit(.minutes(10)))
struct StorageCommandTests {
  /// Runs `body` with a host that was just made, and its words.
  private func run(_ options: String..., body: (Program, _ phrase: String) async throws -> Void) async throws
  {
    try await Program.run(isMade: false) { program in
      let made = try await program.run(
        ["init", "--non-interactive", "--json", "--keystore", "file"] + options)
      try await body(program, try #require(made.json["mnemonic"] as? String))
    }
  }

  @Test("a new host has a slot for its words, which the words open")
  func fresh() async throws {
    try await run { program, phrase in
      let list = try await program("storage", "slots", "list", "--json")
      #expect(list.list.map { $0["kind"] as? String } == ["phrase"])
      #expect(
        list.list[0]["address"] as? String
          == (try MasterKey(mnemonic: Mnemonic(parsing: phrase))).address.checksummed)
      let test = try await program("storage", "slots", "test", "phrase", input: phrase + "\n")
      #expect(test.status == 0, "\(test)")
      #expect(test.output.contains("opens the databases"))
      let other = try MasterKey.generate().mnemonic().withPhrase { $0 }
      let refused = try await program("storage", "slots", "test", "phrase", "--json", input: other + "\n")
      #expect(refused.status == 1)
      #expect(refused.code == "other_identity")
      let typo = try await program("storage", "slots", "test", "phrase", input: "one two\n")
      #expect(typo.status == 1)
      #expect(typo.errors.contains("24 words"))
      let last = try await program("storage", "slots", "remove", "phrase", "--yes", "--json")
      #expect(last.status == 1)
      #expect((last.json["message"] as? String)?.contains("only key slot") == true)
    }
  }

  @Test("a passphrase is asked for twice, opens, and is in no file")
  func passphrase() async throws {
    try await run { program, _ in
      let differ = try await program(
        "storage", "slots", "add", "passphrase", "--json", input: "correct horse battery\nincorrect horse\n")
      #expect(differ.code == "not_the_same")
      let short = try await program("storage", "slots", "add", "passphrase", input: "short\nshort\n")
      #expect(short.status == 1)
      let added = try await program(
        "storage", "slots", "add", "passphrase", "--json",
        input: "correct horse battery\ncorrect horse battery\n")
      #expect(added.status == 0, "\(added)")
      #expect(!(added.output + added.errors).contains("correct horse"))
      #expect(try program.files(holding: ["correct horse battery"]).isEmpty)
      let test = try await program(
        "storage", "slots", "test", "passphrase", "--json", input: "correct horse battery\n")
      #expect(test.json["id"] as? String == added.json["id"] as? String)
      let wrong = try await program("storage", "slots", "test", "passphrase", input: "correct horse\n")
      #expect(wrong.status == 1)
      let unasked = try await program("storage", "slots", "remove", "phrase")
      #expect(unasked.status == 2)
      #expect(try await program("storage", "slots", "remove", "phrase", "--yes").status == 0)
      let table = try await program("storage", "slots", "list")
      #expect(table.output.contains("a passphrase") && !table.output.contains("24 words"))
      let gone = try await program("storage", "slots", "remove", "phrase", "--yes")
      #expect(gone.status == 4)
    }
  }

  @Test("a host whose keys were lost is brought back by its words")
  func restore() async throws {
    try await run { program, phrase in
      #expect(try await program("agent", "create", "Ada").status == 0)
      try FileManager.default.removeItem(atPath: program.home + "/config/keys.json")
      #expect(try await program("agent", "list").status == 1)
      let list = try await program("storage", "slots", "list")
      #expect(list.output.contains("the 24 words"))
      #expect(list.errors.contains("could not be checked"))
      let restored = try await program(
        "storage", "slots", "restore", "phrase", "--json", input: phrase + "\n")
      #expect(restored.json["restored"] as? [String] == ["data-key", "master-key"])
      let agents = try await program("agent", "list", "--json")
      #expect(agents.list.map { $0["name"] as? String } == ["Ada"])
      #expect(try program.files(holding: [phrase]).isEmpty)
    }
  }

  @Test("who wants no way back gets none, and is told so, until a slot is added")
  func none() async throws {
    try await run("--no-recovery-slot") { program, phrase in
      let list = try await program("storage", "slots", "list")
      #expect(list.output.contains("no way back"))
      let finding = try await doctor(program)
      #expect(finding["state"] as? String == "note")
      #expect(finding["remedy"] as? String == "osaurus-host storage slots add phrase")
      let test = try await program("storage", "slots", "test", "phrase", input: phrase + "\n")
      #expect(test.status == 1)
      try await program.serve { _ in
        let status = try await program("status", "--json")
        #expect(status.json["keySlots"] as? [String] == [])
        #expect(try await program("status").output.contains("no way back"))
        #expect(try await program("storage", "slots", "add", "phrase").status == 0)
        #expect(try await program("status").output.contains("the 24 words"))
      }
      #expect(try await doctor(program)["state"] as? String == "good")
      let file = URL(filePath: program.home + "/data/keyslots.json")
      let text = try String(contentsOf: file, encoding: .utf8)
      try text.replacing("\"created\":1", with: "\"created\":2").write(
        to: file, atomically: false, encoding: .utf8)
      #expect(try await doctor(program)["state"] as? String == "broken")
    }
  }

  private func doctor(_ program: Program) async throws -> [String: Any] {
    let findings = try await program("doctor", "--json")
    return try #require(findings.list.first { $0["part"] as? String == "recovery" })
  }
}
