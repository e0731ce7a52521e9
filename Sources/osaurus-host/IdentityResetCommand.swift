import ArgumentParser
import Foundation
import Host
import Identity

/// `identity reset`: a new identity for a host whose old one is not to be trusted any more.
struct IdentityResetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset",
    abstract: "Give this host a new identity; what it stores stays.",
    discussion: """
      Example: osaurus-host identity reset --dry-run
      Scripts: osaurus-host identity reset --yes --json

      For words that somebody else may have seen. It shows what it is going to do, has you type the address of the host \
      and write down 24 new words, and only then changes anything. The service must not run meanwhile.
      """)

  @Flag(name: .customLong("dry-run"), help: "Show what would be done, and do nothing.") var dryRun = false
  @OptionGroup var screen: ScreenOptions
  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folders = try await OpenHost.finishedFolders()
    let health = try HostHealth.ofThisHost()
    if dryRun, output.json { return Terminal.say(try JSONText.encode(PlanRow(health))) }
    if !output.json { show(health) }
    if dryRun { return Terminal.say("Nothing was changed.") }
    let change = IdentityChange(folders: folders)
    // Before anybody writes down 24 words in vain.
    try change.refuseWhileServed()
    try confirm(health)
    let master = try MasterKey.generate()
    let code = RecoveryCode.random()
    if Terminal.inputIsTerminal && Terminal.outputIsTerminal && !output.json {
      try await showWords(of: master, code)
      try await change.reset(to: master, acknowledgedAt: Date())
    } else {
      try await change.reset(to: master)
      print(master, code, before: health.address)
    }
    guard !output.json else { return }
    Terminal.say("The host has the identity \(master.address.checksummed) now.")
    Terminal.say("Next: osaurus-host agent list, and pair your devices again.")
  }

  private func show(_ health: HostHealth) {
    let (agents, keys) = (health.agentCount, health.keyCount)
    Terminal.say(
      "A new identity for this host, in the place of \(health.address?.checksummed ?? "a lost one"):")
    Terminal.say("  agents         \(agents == 0 ? "there are none" : "all \(agents) get new addresses")")
    Terminal.say(
      "  access keys    all are shut (\(keys) \(keys == 1 ? "is" : "are") open), and issuers that were trusted are not any more"
    )
    Terminal.say("  24 words       new ones are shown")
    switch health.wordsSlot {
    case .missing: Terminal.say("                 they do not open what is stored, as the old ones do not")
    default: Terminal.say("                 they open what is stored, and the old ones no longer")
    }
    Terminal.say("  stays          what was said, passphrases, settings, keys for other hosts")
    Terminal.say(
      "The old identity comes back from its own words alone. Other hosts know this one by its old address.")
    Terminal.say("Copies of the data folder that were made before are still opened by the old words.")
  }

  private func confirm(_ health: HostHealth) throws {
    guard let address = health.address, !confirmation.yes, Terminal.inputIsTerminal else {
      return try Terminal.confirm("Go on?", assumingYes: confirmation.yes)
    }
    FileHandle.standardError.write(Data("To go on, type the address of this host: ".utf8))
    let typed = readLine()?.trimmingCharacters(in: .whitespaces) ?? ""
    guard Address(ignoringChecksum: typed) == address else {
      throw CommandFailure(
        .failed, "not_confirmed", "That is not the address of this host. Nothing was changed.")
    }
  }

  private func showWords(of master: MasterKey, _ code: RecoveryCode) async throws {
    do {
      try await TerminalScreen.lend(plain: screen.plain) { screen in
        try master.mnemonic().withWords { words in
          let wizard = WordsWizard(screen: screen, words: words)
          try wizard.show(next: "they are written down")
          try wizard.confirm()
        }
        try screen.present(next: "it is written down") { columns in
          WrappedText.lines(IdentityExplanation.recoveryCode(code.text), columns: columns)
        }
      }
    } catch is TerminalScreen.Interrupted {
      throw CommandFailure(
        .interrupted, "interrupted", "Nothing was changed; the words that were shown are of no use.")
    }
  }

  private func print(_ master: MasterKey, _ code: RecoveryCode, before: Address?) {
    master.mnemonic().withWords { words in
      if output.json {
        return Terminal.say(
          JSONText.object([
            "address": master.address.checksummed, "previous": before?.checksummed,
            "mnemonic": words.joined(separator: " "), "recoveryCode": code.text,
          ]))
      }
      for line in PhraseGrid(words: words).lines(columns: 80) { Terminal.say(line) }
      Terminal.say("Recovery code: \(code.text)")
    }
  }

  /// What would be done, for scripts.
  private struct PlanRow: Encodable {
    let dryRun = true
    let address: String?
    let agents: Int
    let keys: Int
    /// Whether the new words open what is stored.
    let wordsOpen: Bool

    init(_ health: HostHealth) {
      address = health.address?.checksummed
      agents = health.agentCount
      keys = health.keyCount
      wordsOpen = health.wordsSlot != .missing
    }
  }
}
