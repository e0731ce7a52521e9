public import ArgumentParser
import Foundation
import Host
import Identity
public import Keyring

/// `init`: makes the identity that everything else hangs on.
struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Make this host's identity: one master key, which 24 words bring back.",
    discussion: """
      Example: osaurus-host init
      Scripts: osaurus-host init --non-interactive --keystore file --json

      On a terminal it explains, shows the 24 words on a screen that is cleared afterwards, and asks for three of them. \
      Until these were given, now or later (osaurus-host identity confirm), you are reminded once a day.

      The keys rest in the desktop keyring where one answers, else in a file that only you can read, unless \
      --keystore says otherwise. With 'passphrase' they rest in a file under a passphrase, which is asked for twice \
      (without a terminal: one line from standard input) and then at every start. With 'systemd-credential' they rest \
      in a file that only this machine opens, for root or a service. 'osaurus-host keystore move' changes the place \
      later. When the keys are lost, the 24 words open what is stored ('osaurus-host storage slots').
      """)

  @Option(
    help: """
      Where the keys rest: secret-service, passphrase, systemd-credential or file. Without it, the keyring where one \
      answers.
      """)
  var keystore: KeyStoreKind?
  @Flag(name: .customLong("non-interactive"), help: "Ask nothing and print everything to standard output.")
  var nonInteractive = false
  @Flag(
    name: .customLong("no-recovery-slot"),
    help: "Let only the key store open what is stored, not the 24 words.")
  var noRecoverySlot = false
  @Flag(
    name: .customLong("words-kept"),
    help: "With --non-interactive: whoever runs this keeps the words, so nobody is reminded of them.")
  var wordsKept = false
  @OptionGroup var screen: ScreenOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard nonInteractive || !wordsKept else {
      throw ValidationError("--words-kept goes with --non-interactive.")
    }
  }

  func run() async throws {
    let folders = try OpenHost.folders()
    if nonInteractive { return try await makeUnasked(folders) }
    guard Terminal.inputIsTerminal && Terminal.outputIsTerminal else {
      throw CommandFailure(
        .wrongUsage, "needs_terminal", "The 24 words are shown on a terminal, and this is none.",
        nextStep: "For a script: osaurus-host init --non-interactive --json")
    }
    guard !output.json else {
      throw CommandFailure.wrongUsage(
        "On a terminal the words are not printed; --json goes with --non-interactive.")
    }
    // What cannot be done is said before anything is explained or asked.
    if (try? HostSettings.load(folders: folders)) != nil {
      throw HostError.alreadyInitialised(settings: folders.settingsFile.path)
    }
    try await InitWizard(
      folders: folders, keyStore: keystore,
      passphrases: try NewPassphrase.source(for: keystore, in: folders), recoverySlot: !noRecoverySlot,
      isPlain: screen.plain
    ).run()
  }

  private func makeUnasked(_ folders: HostFolders) async throws {
    let passphrases = try NewPassphrase.source(for: keystore, in: folders)
    let made = try await HostInitialiser(folders: folders, passphrases: passphrases).initialise(
      keyStore: keystore, recoverySlot: !noRecoverySlot)
    if output.json {
      made.withWords { words in
        Terminal.say(
          JSONText.object([
            "address": made.address.checksummed, "keystore": made.keyStore.rawValue,
            "mnemonic": words.joined(separator: " "), "recoveryCode": made.recoveryCode.text,
          ]))
      }
    } else {
      show(made)
    }
    if noRecoverySlot {
      Terminal.note("When the keys are lost, \(WaysBack.none). To add one: \(WaysBack.remedy)")
    }
    if made.keyStore == .file { Terminal.note(made.keyStoreWords) }
    if wordsKept { try WordsAcknowledgement(folders: folders).record(at: Date()) }
  }

  private func show(_ made: HostInitialiser.Made) {
    Terminal.say("Your identity is \(made.address.checksummed).")
    Terminal.say()
    Terminal.say(
      "These 24 words bring it back. Write them down: nobody else has them.")
    Terminal.say()
    made.withWords { words in
      for line in PhraseGrid(words: words).lines(columns: 80) { Terminal.say(line) }
    }
    Terminal.say()
    Terminal.say("Recovery code: \(made.recoveryCode.text)")
    Terminal.say(
      "It cannot bring the identity back; keep it beside the words, for a service that may ask for it.")
    Terminal.say()
    Terminal.say("Next: osaurus-host agent create NAME")
  }
}

extension KeyStoreKind: ExpressibleByArgument {}
