import Foundation
import Identity
import Testing

@Suite("osaurus-host init", .serialized, .timeLimit(.minutes(10)))
struct InitCommandTests {
  @Test("the 24 words are shown once, bring the identity back, and are in no file")
  func words() async throws {
    try await Program.run(isMade: false) { program in
      let made = try await program("init", "--non-interactive", "--json", "--keystore", "file")
      #expect(made.status == 0)
      #expect(made.json.keys.sorted() == ["address", "keystore", "mnemonic", "recoveryCode"])
      let phrase = try #require(made.json["mnemonic"] as? String)
      let words = phrase.split(separator: " ").map(String.init)
      #expect(words.count == 24)
      let master = try MasterKey(mnemonic: Mnemonic(parsing: phrase))
      #expect(made.json["address"] as? String == master.address.checksummed)
      #expect(made.json["keystore"] as? String == "file")
      #expect(made.errors.contains("does not protect"))
      #expect(!made.errors.contains(words[0] + " " + words[1]))
      let code = try #require(made.json["recoveryCode"] as? String)
      let pairs = zip(words, words.dropFirst()).map { "\($0) \($1)" }
      #expect(try program.files(holding: pairs + [code]).isEmpty)
      for (name, attributes) in try attributes(below: program.home) {
        let mode = try #require(attributes[.posixPermissions] as? Int)
        #expect(mode & 0o077 == 0, "\(name)")
      }
    }
  }

  @Test("without --json the same is said for people")
  func text() async throws {
    try await Program.run(isMade: false) { program in
      let made = try await program("init", "--non-interactive", "--keystore", "file")
      #expect(made.status == 0)
      #expect(made.output.contains("Your identity is 0x"))
      #expect(made.output.contains("24. "))
      #expect(made.output.contains("Recovery code: OSAURUS-"))
    }
  }

  @Test("what is there is never overwritten, and not touched")
  func twice() async throws {
    try await Program.run { program in
      let before = try program.files()
      let again = try await program("init", "--non-interactive", "--json", "--keystore", "file")
      #expect(again.status == 1)
      #expect(again.code == "already_initialised")
      #expect(again.json["mnemonic"] == nil)
      #expect(try program.files() == before)
      let inWords = try await program("init", "--non-interactive")
      #expect(inWords.status == 1)
      #expect(inWords.output.isEmpty)
      #expect(inWords.errors.contains("nothing was changed"))
    }
  }

  @Test("without a terminal it asks to be told that this is meant")
  func noTerminal() async throws {
    try await Program.run(isMade: false) { program in
      let refused = try await program("init", "--json", "--keystore", "file")
      #expect(refused.status == 2)
      #expect(refused.code == "needs_terminal")
      #expect((refused.json["next"] as? String)?.contains("--non-interactive") == true)
      #expect(try program.files().isEmpty)
    }
  }

  @Test("a keyring that does not answer leaves nothing half made")
  func noKeyring() async throws {
    let nowhere = ["DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"]
    try await Program.run(isMade: false, environment: nowhere) { program in
      let refused = try await program("init", "--non-interactive", "--json", "--keystore", "secret-service")
      #expect(refused.status == 1)
      #expect(refused.code == "keyring")
      let made = try await program("init", "--non-interactive", "--json")
      #expect(made.status == 0)
      #expect(made.json["keystore"] as? String == "file")
    }
  }

  private func attributes(below home: String) throws -> [(String, [FileAttributeKey: Any])] {
    try FileManager.default.subpathsOfDirectory(atPath: home).map { name in
      (name, try FileManager.default.attributesOfItem(atPath: home + "/" + name))
    }
  }
}
