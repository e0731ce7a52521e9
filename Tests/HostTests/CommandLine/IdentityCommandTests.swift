import Foundation
import Keyring
import Testing

@testable import Host

@Suite("osaurus-host identity", .serialized, .timeLimit(.minutes(10)))
struct IdentityCommandTests {
  @Test("a host that a script made is not confirmed, unless the script says that the words are kept")
  func scripted() async throws {
    try await Program.run { program in
      #expect(try program.isConfirmed == false)
      let shown = try await program("identity", "show", "--json")
      #expect(shown.json["wordsConfirmed"] as? Bool == false)
      try await program.serve { _ in
        let status = try await program("status", "--json")
        let identity = try #require(status.json["identity"] as? [String: Any])
        #expect(identity["wordsConfirmed"] as? Bool == false)
        let inWords = try await program("status")
        #expect(inWords.output.contains("osaurus-host identity confirm"))
        // Scripts get no reminder.
        #expect(inWords.errors.isEmpty)
        // What is confirmed while the service runs counts at once.
        try WordsAcknowledgement(folders: HostFolders(home: URL(filePath: program.home))).record(at: Date())
        let after = try await program("status")
        #expect(!after.output.contains("confirm"))
      }
    }
    try await Program.run(isMade: false) { program in
      let made = try await program(
        "init", "--non-interactive", "--words-kept", "--json", "--keystore", "file")
      #expect(made.status == 0)
      #expect(try program.isConfirmed)
      let shown = try await program("identity", "show")
      #expect(shown.output.contains("Its words are confirmed."))
      #expect(shown.output.contains(try #require(made.json["address"] as? String)))
    }
  }

  @Test("the words are confirmed later, from paper")
  func confirm() async throws {
    try await Program.run { program in
      let words = try program.words()
      let left = try program.onTerminal("identity", "confirm")
      _ = try await left.askedPosition()
      left.type(PseudoTerminal.interrupt)
      #expect(try await left.end() == 130)
      #expect(try program.isConfirmed == false)
      left.expectNothingLeft(of: words)

      let terminal = try program.onTerminal("identity", "confirm")
      try await terminal.answerThree(words)
      #expect(try await terminal.end() == 0)
      #expect(try program.isConfirmed)
      terminal.expectNothingLeft(of: words)
      #expect(terminal.normal.contains("are confirmed."))
    }
  }

  @Test("the words can be seen again, and are gone again")
  func phrase() async throws {
    try await Program.run { program in
      let words = try program.words()
      let terminal = try program.onTerminal("identity", "phrase")
      let shown = try await terminal.see("Enter: clear the screen")
      #expect(shown.contains("24. \(words[23])"))
      terminal.enter()
      #expect(try await terminal.end() == 0)
      terminal.expectNothingLeft(of: words)
      #expect(try program.isConfirmed == false)
    }
  }

  @Test("without a terminal no word is shown or asked for", arguments: ["confirm", "phrase"])
  func noTerminal(command: String) async throws {
    try await Program.run { program in
      let refused = try await program("identity", command)
      #expect(refused.status == 2)
      #expect(refused.output.isEmpty)
    }
  }
}
