import Foundation
import Host
import Identity
import Keyring

/// `init` on a terminal: explains, makes the host, shows its words, has three of them typed, and shows the recovery
/// code. Whoever leaves before the words were typed has a whole host and is reminded of them.
struct InitWizard {
  let folders: HostFolders
  let keyStore: KeyStoreKind?
  /// Who is asked for a passphrase, where the keys are to rest under one.
  let passphrases: any PassphraseSource
  /// Whether the 24 words shall open what is stored.
  let recoverySlot: Bool
  let isPlain: Bool

  func run() async throws {
    let made = try await TerminalScreen.lend(plain: isPlain) { screen in
      do {
        for text in [IdentityExplanation.key, IdentityExplanation.words] {
          try screen.present(next: "go on") { WrappedText.lines(text, columns: $0) }
        }
      } catch is TerminalScreen.Interrupted {
        throw CommandFailure(.interrupted, "interrupted", "Nothing was made.")
      }
      let made = try await HostInitialiser(folders: folders, passphrases: passphrases).initialise(
        keyStore: keyStore, recoverySlot: recoverySlot)
      try WordsConfirmation(folders: folders, address: made.address).run(on: screen) { words in
        try made.withWords(words)
      }
      try? screen.present(next: "it is written down") { columns in
        WrappedText.lines(IdentityExplanation.recoveryCode(made.recoveryCode.text), columns: columns)
      }
      return made
    }
    Terminal.say("Your identity is \(made.address.checksummed).")
    Terminal.say("Its 24 words are confirmed. Keep them where only you find them.")
    Terminal.say(made.keyStoreWords)
    if !recoverySlot {
      Terminal.say("When the keys are lost, \(WaysBack.none). To add one: \(WaysBack.remedy)")
    }
    Terminal.say()
    Terminal.say("Next: osaurus-host agent create NAME")
  }
}

/// Has the words of a host written down and remembers that they were.
struct WordsConfirmation {
  let folders: HostFolders
  let address: Address

  /// Runs on a screen.
  ///
  /// - Parameters:
  ///   - shows: whether the words are shown before they are asked for.
  ///   - lend: lends the words.
  func run(
    on screen: TerminalScreen, showing shows: Bool = true, lend: (([String]) throws -> Void) throws -> Void
  ) throws {
    do {
      try lend { words in
        let wizard = WordsWizard(screen: screen, words: words)
        if shows { try wizard.show(next: "they are written down") }
        try wizard.confirm()
      }
    } catch is TerminalScreen.Interrupted {
      throw CommandFailure(
        .interrupted, "words_not_confirmed",
        "The host \(address.checksummed) is made, but its words are not confirmed.",
        nextStep: "See them and confirm them: osaurus-host identity confirm")
    }
    try WordsAcknowledgement(folders: folders).record(at: Date())
  }
}
