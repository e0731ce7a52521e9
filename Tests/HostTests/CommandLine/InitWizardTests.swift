import Foundation
import Identity
import Keyring
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("osaurus-host init on a terminal", .serialized, .timeLimit(.minutes(10)))
struct InitWizardTests {
  @Test("it explains, shows the words, believes three of them, and leaves none behind")
  func whole() async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("init", "--keystore", "file")
      try await terminal.see("YOUR IDENTITY (1 of 2)")
      #expect(try program.files().isEmpty)
      terminal.enter()
      try await terminal.see("ITS 24 WORDS (2 of 2)")
      terminal.enter()
      let grid = try await terminal.see("Enter: they are written down")
      let words = try program.words()
      for row in 0..<6 {
        let cells = (0..<4).map { "\(row * 4 + $0 + 1)\\. \(words[row * 4 + $0])" }
        #expect(try Regex(" " + cells.joined(separator: " +") + "\n").firstMatch(in: grid) != nil)
      }
      #expect(try program.isConfirmed == false)
      terminal.enter()
      try await terminal.answerThree(words)
      let code = try await terminal.see("it does not bring the identity back")
      #expect(code.contains(/OSAURUS(-[0-9A-F]{4}){4}/))
      #expect(try program.isConfirmed)
      terminal.enter()
      #expect(try await terminal.end() == 0)
      try await terminal.see("Its 24 words are confirmed.")
      #expect(terminal.normal.contains("Next: osaurus-host agent create"))
      terminal.expectNothingLeft(of: words)
      #expect(!terminal.normal.contains("OSAURUS-"))
      #expect(try program.files(holding: zip(words, words.dropFirst()).map { "\($0) \($1)" }).isEmpty)

      let later = try program.onTerminal("agent", "list")
      #expect(try await later.end() == 0)
      #expect(!later.raw.contains("not confirmed"))
    }
  }

  @Test("a wrong word is not believed, and a question mark shows all of them again")
  func wrongWord() async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("init", "--keystore", "file")
      try await terminal.passExplanation()
      let words = try program.words()
      terminal.enter()
      let position = try await terminal.askedPosition()
      let wrong = words[position - 1] == "zoo" ? "zone" : "zoo"
      terminal.enter(wrong)
      try await terminal.see("That is not word \(position).")
      #expect(try program.isConfirmed == false)
      terminal.type("zo\u{7f}\u{15}")
      terminal.enter("?")
      try await terminal.see("Enter: they are written down")
      terminal.enter()
      try await terminal.see("Three others, then.")
      // Cursor keys and others that mean nothing here are no part of the word.
      terminal.type("\u{1b}[A\u{1b}OP")
      try await terminal.answerThree(words)
      try await terminal.see("THE RECOVERY CODE")
      terminal.enter()
      #expect(try await terminal.end() == 0)
      terminal.expectNothingLeft(of: words)
    }
  }

  @Test("who leaves during the explanation has made nothing", arguments: [0, 1], [true, false])
  func leavesEarly(page: Int, byKey: Bool) async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("init", "--keystore", "file")
      try await terminal.see("YOUR IDENTITY")
      if page == 1 {
        terminal.enter()
        try await terminal.see("(2 of 2)")
      }
      if byKey { terminal.type(PseudoTerminal.interrupt) } else { kill(terminal.process, SIGTERM) }
      #expect(try await terminal.end() == 130)
      #expect(terminal.normal.contains("Nothing was made."))
      #expect(terminal.isRestored)
      #expect(terminal.raw.contains(PseudoTerminal.leaveAlternate))
      #expect(try program.files().isEmpty)
    }
  }

  enum Leaving: String, CaseIterable {
    case control, terminate, hangUp, otherKey
  }

  @Test(
    "who leaves before the words are confirmed has a whole host, and is reminded once a day",
    arguments: Leaving.allCases)
  func leavesUnconfirmed(how: Leaving) async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("init", "--keystore", "file")
      try await terminal.passExplanation()
      let words = try program.words()
      switch how {
      case .control: terminal.type(PseudoTerminal.interrupt)
      case .terminate: kill(terminal.process, SIGTERM)
      case .hangUp: kill(terminal.process, SIGHUP)
      case .otherKey:
        terminal.enter()
        _ = try await terminal.askedPosition()
        terminal.type("aband\u{4}")
      }
      #expect(try await terminal.end() == 130)
      #expect(terminal.normal.contains("osaurus-host identity confirm"))
      terminal.expectNothingLeft(of: words)
      #expect(try program.isConfirmed == false)
      guard how == .control else { return }

      let first = try program.onTerminal("agent", "create", "Ada")
      #expect(try await first.end() == 0)
      #expect(first.raw.contains("The 24 words of this host are not confirmed"))
      let second = try program.onTerminal("agent", "list")
      #expect(try await second.end() == 0)
      #expect(!second.raw.contains("not confirmed"))
      #expect(second.raw.contains("Ada"))
      let mark = program.home + "/state/words-reminder"
      let yesterday = Date(timeIntervalSinceNow: -25 * 60 * 60)
      try FileManager.default.setAttributes([.modificationDate: yesterday], ofItemAtPath: mark)
      let nextDay = try program.onTerminal("status")
      #expect(try await nextDay.end() == 5)
      #expect(nextDay.raw.contains("not confirmed"))
      let doctor = try await program("doctor")
      #expect(doctor.output.contains("osaurus-host identity confirm"))
      #expect(!doctor.errors.contains("not confirmed"))
    }
  }

  @Test("a narrow terminal gets one word a line and as many pages as it needs, and a new size redraws")
  func narrow() async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("init", "--keystore", "file", columns: 24, rows: 12)
      var page = try await terminal.page()
      while !page.contains("24 WORDS\n\n") {
        #expect(page.split(separator: "\n").allSatisfy { $0.count <= 24 })
        page = try await terminal.turn(page)
      }
      let words = try program.words()
      var seen: [String] = []
      while true {
        let rows = page.split(separator: "\n").filter { $0.contains(#/^ ?[0-9]+\. /#) }
        #expect(rows.count < 12)
        seen += rows.map { $0.trimmingCharacters(in: .whitespaces) }
        if page.contains("they are") { break }
        page = try await terminal.turn(page)
      }
      #expect(seen == words.enumerated().map { "\($0 + 1). \($1)" })
      terminal.resize(columns: 100, rows: 40)
      let wide = try await terminal.see("4. \(words[3]) ")
      #expect(wide.contains("24. \(words[23])"))
      terminal.resize(columns: 30, rows: 40)
      try await terminal.see("1. \(words[0]) 2. \(words[1]) 3. \(words[2])")
      terminal.enter()
      _ = try await terminal.askedPosition()
      terminal.type(PseudoTerminal.interrupt)
      #expect(try await terminal.end() == 130)
      terminal.expectNothingLeft(of: words)
    }
  }

  enum Plain: String, CaseIterable {
    case dumb, noKind, flag, accessible
  }

  @Test(
    "a terminal that cannot place text, and a screen reader, get numbered lines, a few at a time, spelt when asked for",
    arguments: Plain.allCases)
  func plain(how: Plain) async throws {
    try await Program.run(isMade: false) { program in
      let terminal =
        switch how {
        case .dumb: try program.onTerminal("init", "--keystore", "file", kind: "dumb")
        case .noKind: try program.onTerminal("init", "--keystore", "file", kind: nil)
        case .flag: try program.onTerminal("init", "--plain", "--keystore", "file")
        case .accessible:
          try program.onTerminal("init", "--keystore", "file", environment: ["ACCESSIBLE": "1"])
        }
      try await terminal.see("(1 of 2)")
      terminal.enter()
      try await terminal.see("(2 of 2)")
      terminal.enter()
      try await terminal.see("[Enter: words 5 to 8.")
      let words = try program.words()
      // By its letters, and only these.
      terminal.enter("S")
      let spelt = try await terminal.see(
        words[..<4].enumerated().map { "\($0 + 1). \($1.map(String.init).joined(separator: " "))" }
          .joined(separator: " ") + " [Enter: words 5 to 8.")
      #expect(!spelt.contains("5. "))
      for first in [5, 9, 13, 17] {
        terminal.enter()
        try await terminal.see("[Enter: words \(first + 4) to \(first + 7).")
      }
      terminal.enter()
      let shown = try await terminal.see("[Enter: they are written down.")
      #expect(shown.contains("clear it"))
      for (index, word) in words.enumerated() { #expect(shown.contains("\(index + 1). \(word)\n")) }
      terminal.enter()
      try await terminal.answerThree(words)
      try await terminal.see("THE RECOVERY CODE")
      terminal.enter()
      #expect(try await terminal.end() == 0)
      #expect(!terminal.raw.contains("\u{1b}"))
      #expect(terminal.isRestored)
      #expect(try program.isConfirmed)
    }
  }

  @Test("Ctrl-C on a plain terminal says what is left to do")
  func plainInterrupt() async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("init", "--plain", "--keystore", "file")
      try await terminal.see("[Enter: go on]")
      terminal.enter()
      try await terminal.see("(2 of 2)")
      terminal.enter()
      try await terminal.see("[Enter: words 5 to 8.")
      terminal.type(PseudoTerminal.interrupt)
      #expect(try await terminal.end() == 130)
      try await terminal.see("osaurus-host identity confirm")
      #expect(terminal.isRestored)
      #expect(try program.isConfirmed == false)
    }
  }

  @Test("where a host is, nothing is explained")
  func twice() async throws {
    try await Program.run { program in
      let terminal = try program.onTerminal("init")
      #expect(try await terminal.end() == 1)
      #expect(terminal.raw.contains("nothing was changed"))
      #expect(!terminal.raw.contains(PseudoTerminal.enterAlternate))
    }
  }
}

extension Program {
  /// The words of the host, from its key file.
  func words() throws -> [String] {
    let folders = HostFolders(home: URL(filePath: home))
    return try WordsAcknowledgement(folders: folders).master().mnemonic().withWords { $0 }
  }

  /// Whether there is a whole host whose words were confirmed.
  var isConfirmed: Bool {
    get throws {
      let file = try #require(try HostSettingsFile.read(HostFolders(home: URL(filePath: home))))
      #expect(file.isComplete)
      return file.acknowledgedAt != nil
    }
  }
}

extension PseudoTerminal {
  /// Leaves the words on the screen.
  func passExplanation() async throws {
    try await see("(1 of 2)")
    enter()
    try await see("(2 of 2)")
    enter()
    try await see("Enter: they are written down")
  }

  /// A page, when all of it is there.
  func page(other before: String? = nil, last: String = "they are written down") async throws -> String {
    let old = before.flatMap { Self.flat($0).firstMatch(of: /Enter: [^:]*$/)?.0 }
    while true {
      let screen = screen
      // The footer is drawn last, and is another one on every page.
      if let footer = Self.flat(screen).firstMatch(of: /Enter: [^:]*$/)?.0, footer != old {
        if footer == "Enter: \(last)" || footer.contains(/Enter: (page [0-9]+ of [0-9]+|go on)$/) {
          return screen
        }
      }
      try await seeMore()
    }
  }

  /// Presses Enter and waits for another page.
  func turn(_ page: String) async throws -> String {
    enter()
    return try await self.page(other: page)
  }

  /// The place that the last question asks for.
  func askedPosition(step: Int = 1) async throws -> Int {
    try await see("THREE OF YOUR WORDS (\(step) of 3)")
    while true {
      let asked = Self.flat(screen).components(separatedBy: "(\(step) of 3)").last ?? ""
      if let match = asked.firstMatch(of: #/Word ([0-9]+):/#) { return try #require(Int(match.1)) }
      try await seeMore()
    }
  }

  /// Answers the three questions.
  func answerThree(_ words: [String]) async throws {
    for step in 1...3 {
      let position = try await askedPosition(step: step)
      enter(words[position - 1].uppercased())
    }
  }

  /// The terminal is as it was, and what it can scroll back to holds nothing of a phrase.
  func expectNothingLeft(of words: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isRestored, sourceLocation: sourceLocation)
    // Cleared, then left.
    #expect(
      !picture.left.isEmpty && picture.left.allSatisfy(\.isEmpty) && !picture.isAlternate,
      sourceLocation: sourceLocation)
    #expect(picture.unknown.isEmpty, sourceLocation: sourceLocation)
    let normal = normal + "\n" + TerminalPicture.text(picture.alternate.history)
    for (index, word) in words.enumerated() {
      #expect(!normal.contains("\(index + 1). \(word)"), sourceLocation: sourceLocation)
    }
    for (first, second) in zip(words, words.dropFirst()) {
      #expect(!normal.contains("\(first) \(second)"), sourceLocation: sourceLocation)
    }
  }
}
