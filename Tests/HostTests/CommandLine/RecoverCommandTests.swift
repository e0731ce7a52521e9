import Foundation
import Identity
import Keyring
import Testing

@testable import Host

@Suite("osaurus-host recover", .serialized, .timeLimit(.minutes(10)))
struct RecoverCommandTests {
  private static let words =
    ("project entry cook mango pause vast purse network regular mushroom divide chuckle "
    + "river focus tobacco laundry galaxy tornado own online satisfy just wrap arctic")
    .split(separator: " ").map(String.init)
  private static let phrase = words.joined(separator: " ")
  /// One word of it is wrong.
  private static let wrong = phrase.replacing("cook", with: "book")

  private static func address() throws -> String {
    try MasterKey(mnemonic: Mnemonic(parsing: phrase)).address.checksummed
  }

  @Test("words typed one at a time make a host on a machine that has none")
  func typed() async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("recover", "--keystore", "file")
      for (index, word) in Self.words.enumerated() {
        try await terminal.see("Word \(index + 1): ")
        switch index {
        case 0:
          // Completed, and shown to be.
          terminal.type("proj")
          try await terminal.see("…ect")
          terminal.type("\t")
          try await terminal.see("Word 1: project")
          terminal.enter()
        case 1:
          terminal.enter("entyr")
          let advice = try await terminal.see("Word 2, 'entyr', is not on the list. Perhaps: ")
          #expect(advice.contains("entry"))
          terminal.enter("zoo")
          try await terminal.see("Word 3: ")
          terminal.enter("<")
          try await terminal.see("Word 2 again.")
          terminal.enter(word)
        default: terminal.enter(index % 2 == 0 ? word.uppercased() : String(word.prefix(4)))
        }
      }
      try await terminal.see("There is no host here. Make one with this identity?")
      #expect(try program.files().isEmpty)
      terminal.enter("y")
      try await terminal.see("Refuse every key that was made before now?")
      terminal.enter("")
      #expect(try await terminal.end() == 0)
      #expect(terminal.normal.contains("Access keys that were made before are refused here."))
      #expect(terminal.normal.contains(try Self.address()))
      terminal.expectNothingLeft(of: Self.words)
      #expect(try program.words() == Self.words)
      // Who typed all of them has them.
      #expect(try program.isConfirmed)
    }
  }

  @Test("words pasted whole are taken, and a wrong one is found", arguments: [false, true])
  func pasted(plain: Bool) async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("recover", "--keystore", "file", kind: plain ? "dumb" : "xterm")
      try await terminal.see("Word 1: ")
      terminal.enter(Self.wrong)
      let advice = try await terminal.see("Change: ")
      #expect(PseudoTerminal.flat(advice).contains("word 3: cook instead of book"))
      terminal.enter("nonsense")
      try await terminal.see("That is no number and word.")
      terminal.enter("25")
      try await terminal.see("That is no number and word.")
      terminal.enter("3 cooook")
      try await terminal.see("Word 3, 'cooook', is not on the list.")
      // The words that the checksum allows at a place, and nothing beyond these.
      terminal.enter("3")
      let listed = try await terminal.see("Right as word 3, if it is the only wrong one: ")
      #expect(listed.contains(/[^a-z]cook[,.]/))
      terminal.enter("-")
      try await terminal.see("From the first word on, then.")
      // One word a line, with their numbers, as they are copied from a list.
      for line in Self.wrong.split(separator: " ").enumerated().map({ "\($0 + 1). \($1)" }) {
        terminal.enter(line)
      }
      try await terminal.see("instead of book")
      terminal.enter("3 cook")
      try await terminal.see("Make one with this identity?")
      terminal.enter("n")
      #expect(try await terminal.end() == 1)
      #expect(try program.files().isEmpty)
      #expect(terminal.isRestored)
      if !plain { terminal.expectNothingLeft(of: Self.words) }
    }
  }

  @Test("Ctrl-C leaves everything as it is", arguments: [0, 3, 24])
  func interrupted(typed: Int) async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("recover")
      try await terminal.see("Word 1: ")
      switch typed {
      case 0: break
      case 24: terminal.enter(Self.wrong)
      default: terminal.enter(Self.words.prefix(typed).joined(separator: " "))
      }
      try await terminal.see(typed == 24 ? "Change: " : "Word \(typed + 1): ")
      terminal.type(PseudoTerminal.interrupt)
      #expect(try await terminal.end() == 130)
      terminal.expectNothingLeft(of: Self.words)
      #expect(terminal.normal.contains("Nothing was changed."))
      #expect(try program.files().isEmpty)
    }
  }

  @Test("words from a pipe make a host, and again change nothing")
  func piped() async throws {
    try await Program.run(isMade: false) { program in
      let numbered = Self.words.enumerated().map { "\($0 + 1). \($1)" }.joined(separator: "\n")
      let made = try await program("recover", "--keystore", "file", "--json", input: numbered)
      #expect(made.status == 0, "\(made)")
      #expect(made.json["address"] as? String == (try Self.address()))
      #expect(made.json["outcome"] as? String == "made")
      #expect(try program.words() == Self.words)
      // That somebody looked into a database leaves traces beside it.
      func kept() throws -> [String: Data] {
        try program.files().filter { $0.key != "config/host.json" && !$0.key.contains(".sqlite") }
      }
      let before = try kept()
      let again = try await program("recover", "--json", input: Self.phrase + "\n")
      #expect(again.json["outcome"] as? String == "unchanged")
      #expect(try kept() == before)
      #expect(!(made.errors + again.errors).contains("project entry"))
    }
  }

  @Test(
    "what is no phrase is refused without repeating a word of it",
    arguments: [
      ("", "word_count"), ("project entry", "word_count"), (phrase + " zoo", "word_count"),
      (phrase.replacing("mango", with: "mangoo"), "unknown_word"), (wrong, "phrase_checksum"),
    ])
  func refused(input: String, code: String) async throws {
    try await Program.run(isMade: false) { program in
      let refused = try await program("recover", "--json", input: input)
      #expect(refused.status == 1)
      #expect(refused.code == code)
      let inWords = try await program("recover", input: input)
      #expect(inWords.status == 1)
      for said in [refused.output, refused.errors, inWords.output, inWords.errors] {
        for word in ["mango", "cook", "arctic"] { #expect(!said.contains(word)) }
      }
      #expect(try program.files().isEmpty)
    }
  }

  @Test("words of another identity change nothing, unless that is meant")
  func otherIdentity() async throws {
    try await Program.run { program in
      let present = try await program("identity", "show", "--json")
      let own = try #require(present.json["address"] as? String)
      let new = try Self.address()
      let before = try Self.stored(program)
      let refused = try await program("recover", "--json", input: Self.phrase)
      #expect(refused.status == 1)
      #expect(refused.code == "other_identity")
      let message = try #require(refused.json["message"] as? String)
      #expect(message.contains(own) && message.contains(new))
      let unasked = try await program("recover", "--restore-anyway", input: Self.phrase)
      #expect(unasked.status == 2)
      #expect(unasked.errors.contains(own) && unasked.errors.contains(new))
      #expect(try Self.stored(program) == before)

      let terminal = try program.onTerminal("recover", "--restore-anyway")
      try await terminal.see("Word 1: ")
      terminal.enter(Self.phrase)
      let asked = try await terminal.see("Put the identity of the words in its place?")
      #expect(asked.contains(own) && asked.contains(new))
      terminal.enter("no")
      #expect(try await terminal.end() == 1)
      #expect(try Self.stored(program) == before)

      try await program.serve { _ in
        let inUse = try await program("recover", "--restore-anyway", "--yes", input: Self.phrase)
        #expect(inUse.status == 1)
        #expect(inUse.errors.contains("service"))
      }
      let done = try await program("recover", "--restore-anyway", "--yes", "--json", input: Self.phrase)
      #expect(done.status == 0, "\(done)")
      #expect(done.json["outcome"] as? String == "restored")
      #expect(try program.words() == Self.words)
      let opened = try await program("agent", "list", "--json")
      #expect(opened.status == 0)
    }
  }

  /// All files, apart from the empty log and index that looking may leave beside a database.
  private static func stored(_ program: Program) throws -> [String: Data] {
    try program.files().filter { !$0.key.hasSuffix("-wal") && !$0.key.hasSuffix("-shm") }
  }

  @Test("an identity that its key store has lost comes back, if the agents are its own")
  func lostIdentity() async throws {
    try await Program.run { program in
      let phrase = try program.words().joined(separator: " ")
      let agent = try await program("agent", "create", "Ada", "--json")
      #expect(agent.status == 0)
      let store = FileKeyStore(file: HostFolders(home: URL(filePath: program.home)).keyFile)
      try store.remove(.masterKey)
      let gone = try await program("agent", "list", "--json")
      #expect(gone.status == 1)
      let refused = try await program("recover", "--json", input: Self.phrase)
      #expect(refused.code == "other_identity")
      let address = try #require(agent.json["address"] as? String)
      let own = try MasterKey(mnemonic: Mnemonic(parsing: phrase)).address.checksummed
      #expect((refused.json["message"] as? String)?.contains(own) == true)
      let restored = try await program("recover", input: phrase)
      #expect(restored.status == 0, "\(restored)")
      #expect(restored.output.contains("All 1 agents on this machine are of this identity."))
      let again = try await program("recover", input: phrase)
      #expect(
        again.output.contains("Nothing was changed.\nAll 1 agents on this machine are of this identity."))
      let back = try await program("agent", "show", "Ada", "--json")
      #expect(back.json["address"] as? String == address)
      #expect(try program.isConfirmed)
    }
  }

  @Test("when the key store has lost everything, the words open what is stored again, and other words do not")
  func lostKeys() async throws {
    try await Program.run { program in
      let phrase = try program.words().joined(separator: " ")
      let agent = try await program("agent", "create", "Ada", "--json")
      #expect(agent.status == 0)
      let store = FileKeyStore(file: HostFolders(home: URL(filePath: program.home)).keyFile)
      try store.remove(.masterKey)
      try store.remove(.dataKey)
      let before = try program.files()
      let refused = try await program("recover", "--json", input: Self.phrase)
      #expect(refused.status == 1)
      #expect(try program.files() == before)
      let restored = try await program("recover", "--json", input: phrase)
      #expect(restored.json["outcome"] as? String == "restored", "\(restored)")
      let back = try await program("agent", "show", "Ada", "--json")
      #expect(back.json["address"] as? String == agent.json["address"] as? String)
      #expect(try program.isConfirmed)
    }
  }
}
