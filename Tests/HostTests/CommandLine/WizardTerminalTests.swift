import Foundation
import SystemPackage
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("a wizard and its terminal", .serialized, .timeLimit(.minutes(10)))
struct WizardTerminalTests {
  @Test(
    "every size gets all words in their order, nothing scrolled and nothing cut, and hears when a word is wrong",
    arguments: [(20, 10), (20, 24), (16, 5), (40, 8), (60, 24), (80, 5), (80, 24), (200, 60)])
  func sizes(columns: Int, rows: Int) async throws {
    try await Program.run { program in
      let words = try program.words()
      let terminal = try program.onTerminal("identity", "phrase", columns: columns, rows: rows)
      var seen: [String] = []
      var page = ""
      while true {
        page = try await terminal.page(other: page, last: "clear the screen")
        let cells = page.matches(of: /([0-9]+)\. ([a-z]+)/).map { "\($0.1) \($0.2)" }
        seen += cells
        if columns >= 80, rows >= 24 { #expect(page.contains("21. \(words[20])")) }
        if PseudoTerminal.flat(page).contains("Enter: clear the screen") { break }
        terminal.enter()
      }
      #expect(seen == words.enumerated().map { "\($0 + 1) \($1)" })
      #expect(terminal.picture.alternate.history.isEmpty)
      terminal.enter()
      #expect(try await terminal.end() == 0)
      terminal.expectNothingLeft(of: words)

      let quiz = try program.onTerminal("identity", "confirm", columns: columns, rows: rows)
      try await quiz.see(": ")
      quiz.enter("wrong")
      let wrong = try await quiz.see("try again.")
      #expect(wrong.contains(/Word [0-9]+:/))
      quiz.type(PseudoTerminal.interrupt)
      #expect(try await quiz.end() == 130)
      #expect(quiz.picture.alternate.history.isEmpty)
    }
  }

  @Test("a terminal without room for a word says so, shows nothing, and goes on when it has grown")
  func tooSmall() async throws {
    try await Program.run { program in
      let words = try program.words()
      let terminal = try program.onTerminal("identity", "phrase", columns: 14, rows: 3)
      try await terminal.see("16 by 5")
      terminal.enter()
      try await terminal.seeMore()
      terminal.resize(columns: 80, rows: 24)
      let grid = try await terminal.see("Enter: clear the screen")
      #expect(grid.contains("24. \(words[23])"))
      terminal.resize(columns: 10, rows: 2)
      try await terminal.see("This is")
      terminal.type(PseudoTerminal.interrupt)
      #expect(try await terminal.end() == 130)
      terminal.expectNothingLeft(of: words)
    }
  }

  @Test("where there is no alternate screen the words are gone all the same")
  func noAlternate() async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal(
        "init", "--keystore", "file", columns: 60, rows: 12, hasAlternate: false)
      var page = try await terminal.page()
      while !page.contains("are written down") { page = try await terminal.turn(page) }
      let words = try program.words()
      terminal.resize(columns: 80, rows: 24)
      try await terminal.see("24. \(words[23])")
      terminal.enter()
      try await terminal.answerThree(words)
      try await terminal.see("THE RECOVERY CODE")
      terminal.enter()
      #expect(try await terminal.end() == 0)
      for (first, second) in zip(words, words.dropFirst()) {
        #expect(!terminal.normal.contains(try Regex("\(first) .*\(second)")))
      }
      #expect(!terminal.normal.contains("OSAURUS-"))
    }
  }

  @Test("keys pressed too early leave neither the words nor the recovery code unseen")
  func typedAhead() async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("init", "--keystore", "file")
      try await terminal.see("(1 of 2)")
      terminal.type("\r\r\r\r")
      try await terminal.see("(2 of 2)")
      terminal.type("\r\r\r\r")
      try await terminal.see("Enter: they are written down")
      let words = try program.words()
      terminal.enter()
      for step in 1...3 {
        let position = try await terminal.askedPosition(step: step)
        terminal.type(words[position - 1] + (step == 3 ? "\r\r\r\r" : "\r"))
      }
      try await terminal.see("Enter: it is written down")
      terminal.enter()
      #expect(try await terminal.end() == 0)
      terminal.expectNothingLeft(of: words)
    }
  }

  @Test("Ctrl-Z gives the terminal back without a word on it, fg brings the words again, and bg waits")
  func suspended() async throws {
    try await Program.run { program in
      let words = try program.words()
      let shell = try program.shellOnTerminal()
      try await shell.see("$ ")
      shell.type("\(try Program.executable) identity phrase\n")
      try await shell.see("24. \(words[23])")
      for round in 1...2 {
        shell.type("\u{1a}")
        // What the shell says now, and not what it said the last time.
        while !(shell.raw.components(separatedBy: PseudoTerminal.leaveAlternate).dropFirst(round).last ?? "")
          .contains(/Stopped[^$]*\$\s/)
        { try await shell.seeMore() }
        #expect(!shell.picture.isAlternate)
        shell.type("stty -a | grep -o ' icanon'; echo so$((\(round)0 + 2))\n")
        #expect(try await shell.see("so\(round)2").components(separatedBy: " icanon\n").count == round + 1)
        shell.type("bg; jobs; echo so$((\(round)0 + 5))\n")
        try await shell.see("so\(round)5")
        #expect(!shell.picture.isAlternate)
        shell.type("fg\n")
        try await shell.see("24. \(words[23])")
      }
      // A key that comes while the terminal is taken over does not count, and it may be taken over twice.
      while shell.picture.isAlternate {
        shell.enter()
        try await shell.seeMore()
      }
      shell.type("echo so$((4 + 4)); exit\n")
      try await shell.see("so8")
      #expect(try await shell.end() == 0)
      #expect(shell.picture.left == ["", "", ""])
      #expect(!shell.normal.contains("24. \(words[23])"))
    }
  }

  @Test("a program stopped from outside has the terminal again when it goes on")
  func stoppedFromOutside() async throws {
    try await Program.run { program in
      let words = try program.words()
      let terminal = try program.onTerminal("identity", "phrase")
      try await terminal.see("Enter: clear the screen")
      kill(terminal.process, SIGSTOP)
      kill(terminal.process, SIGCONT)
      while terminal.raw.components(separatedBy: PseudoTerminal.enterAlternate).count < 3 {
        try await terminal.seeMore()
      }
      try await terminal.see("24. \(words[23])")
      terminal.enter()
      #expect(try await terminal.end() == 0)
      terminal.expectNothingLeft(of: words)
    }
  }

  @Test(
    "a window that is closed ends the program", arguments: [["init", "--keystore", "file"], ["recover"]],
    [0, 2])
  func closed(command: [String], pages: Int) async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try PseudoTerminal(
        program, Program.executable.string, command, columns: 80, rows: 24, kind: "xterm", more: [:],
        hasAlternate: true)
      try await terminal.see(command == ["recover"] ? "Word 1:" : "(1 of 2)")
      if command != ["recover"], pages == 2 {
        terminal.enter()
        try await terminal.see("(2 of 2)")
        terminal.enter()
        try await terminal.see("they are written down")
      }
      terminal.hangUp()
      // By the signal or by the end of its input, whichever comes first.
      #expect(try await terminal.end() != 0)
      #expect(try program.files().isEmpty == (command == ["recover"] || pages == 0))
    }
  }

  @Test("a signal ends it at every point, and what is asked afterwards can be left by Ctrl-C")
  func signals() async throws {
    let phrase =
      "project entry cook mango pause vast purse network regular mushroom divide chuckle "
      + "river focus tobacco laundry galaxy tornado own online satisfy just wrap arctic"
    try await Program.run(isMade: false) { program in
      for number in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
        let terminal = try program.onTerminal("recover", "--keystore", "file")
        try await terminal.see("Word 1:")
        terminal.enter(phrase.replacing("cook", with: "book"))
        try await terminal.see("Change:")
        kill(terminal.process, number)
        #expect(try await terminal.end() == 130)
        #expect(terminal.normal.contains("Nothing was changed."))
        terminal.expectNothingLeft(of: phrase.split(separator: " ").map(String.init))
      }
      let terminal = try program.onTerminal("recover", "--keystore", "file")
      try await terminal.see("Word 1:")
      terminal.enter(phrase)
      try await terminal.see("[y/N]")
      terminal.type(PseudoTerminal.interrupt)
      #expect(try await terminal.end() == -SIGINT)
      #expect(try program.files().isEmpty)
    }
  }

  @Test("while the words are shown they are in no argument and no variable, and NO_COLOR is heeded")
  func elsewhere() async throws {
    try await Program.run { program in
      let words = try program.words()
      let terminal = try program.onTerminal("identity", "phrase")
      try await terminal.see("Enter: clear the screen")
      for name in ["cmdline", "environ"] {
        let bytes = try #require(FileManager.default.contents(atPath: "/proc/\(terminal.process)/\(name)"))
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(!text.isEmpty)
        for (first, second) in zip(words, words.dropFirst()) { #expect(!text.contains("\(first) \(second)")) }
      }
      terminal.type(PseudoTerminal.interrupt)
      #expect(try await terminal.end() == 130)
      terminal.expectNothingLeft(of: words)
      for isPlain in [false, true] {
        let hint = try program.onTerminal("recover", environment: isPlain ? ["NO_COLOR": "1"] : [:])
        try await hint.see("Word 1:")
        hint.type("proj")
        try await hint.see("…ect")
        #expect(hint.raw.contains(/\u{1b}\[[0-9;]*m/) == !isPlain)
        hint.type(PseudoTerminal.interrupt)
        #expect(try await hint.end() == 130)
      }
    }
  }

  @Test("words that are given as arguments are refused and not repeated")
  func arguments() async throws {
    try await Program.run { program in
      for arguments in [["recover", "galaxy", "tornado"], ["recover", "--json", "galaxy", "tornado"]] {
        let refused = try await program.run(arguments)
        #expect(refused.status == 2)
        #expect((refused.errors + refused.output).contains("never given as arguments"))
        #expect(!(refused.errors + refused.output).contains("tornado"))
      }
    }
  }
}
