import ArgumentParser
import Foundation
import Host
import Identity

/// `identity`: who this host is, and the words that bring it back.
struct IdentityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "identity",
    abstract: "Show who this host is and how that identity is, confirm its words, repair or replace it.",
    discussion: "Example: osaurus-host identity show",
    subcommands: [
      IdentityShow.self, IdentityHealthCommand.self, IdentityConfirm.self, IdentityPhrase.self,
      IdentityRepairCommand.self, IdentityResetCommand.self, IdentityShutKeysCommand.self,
      TokenCommand.self, IdentityDevice.self,
    ])
}

struct IdentityShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show the address of this host, and whether its words are confirmed.",
    discussion: "Example: osaurus-host identity show --json")

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let words = WordsAcknowledgement(folders: try await OpenHost.finishedFolders())
    let address = try words.master().address.checksummed
    if output.json {
      return Terminal.say(
        try JSONText.encode(Row(address: address, wordsConfirmed: !words.isMissing)))
    }
    Terminal.say(address)
    Terminal.say(
      words.isMissing
        ? "Its words are not confirmed yet: osaurus-host identity confirm" : "Its words are confirmed.")
  }

  private struct Row: Encodable {
    let address: String
    let wordsConfirmed: Bool
  }
}

struct IdentityConfirm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "confirm", abstract: "Show that the 24 words are written down, by typing three of them.",
    discussion: """
      Example: osaurus-host identity confirm

      A question mark instead of a word shows all of them again.
      """)

  @OptionGroup var screen: ScreenOptions

  func run() async throws {
    try requireTerminal()
    let folders = try await OpenHost.finishedFolders()
    let master = try WordsAcknowledgement(folders: folders).master()
    try await TerminalScreen.lend(plain: screen.plain) { screen in
      try WordsConfirmation(folders: folders, address: master.address).run(on: screen, showing: false) {
        try master.mnemonic().withWords($0)
      }
    }
    Terminal.say("The words of \(master.address.checksummed) are confirmed.")
  }
}

struct IdentityPhrase: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "phrase", abstract: "Show the 24 words, on a screen that is cleared afterwards.",
    discussion: "Example: osaurus-host identity phrase")

  @OptionGroup var screen: ScreenOptions

  func run() async throws {
    try requireTerminal()
    let master = try WordsAcknowledgement(folders: try await OpenHost.finishedFolders()).master()
    do {
      try await TerminalScreen.lend(plain: screen.plain) { screen in
        try master.mnemonic().withWords { words in
          try WordsWizard(screen: screen, words: words).show(next: "clear the screen")
        }
      }
    } catch is TerminalScreen.Interrupted {
      throw CommandFailure(.interrupted, "interrupted", "Interrupted.")
    }
  }
}

/// The words go to a person and to nothing else.
private func requireTerminal() throws {
  guard Terminal.inputIsTerminal && Terminal.outputIsTerminal else {
    throw CommandFailure(
      .wrongUsage, "needs_terminal", "The words are shown on a terminal, and this is none.")
  }
}
