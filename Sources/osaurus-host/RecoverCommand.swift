public import ArgumentParser
import Foundation
import Host
public import Identity
import Keyring

/// `recover`: brings an identity back from its 24 words.
struct RecoverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover",
    abstract: "Bring an identity back from its 24 words.",
    discussion: """
      Example: osaurus-host recover
      Scripts: osaurus-host recover --json < words.txt

      On a machine without a host it makes one with this identity. Where there is one, the words are compared with it, \
      and what it has lost is put back. Words of another identity change nothing without --restore-anyway.

      Which keys were revoked elsewhere, which issuers were trusted, and which indices and counters were used is not in \
      the words. So keys that were made before are shut unless you say otherwise, and new agents get indices that no \
      other host takes.
      """)

  @Flag(
    name: .customLong("restore-anyway"),
    help: "Put the identity of the words in the place of another one, after both addresses were shown.")
  var restoreAnyway = false
  @Option(help: "Where the keys of a new host rest: secret-service, passphrase, systemd-credential or file.")
  var keystore: KeyStoreKind?
  @Option(
    name: .customLong("old-keys"),
    help:
      "What becomes of access keys that were made before, on any host: shut or keep. Without a terminal, shut."
  )
  var oldKeys: OldAccessKeys?
  @Flag(
    name: .customLong("repair-agents"),
    help: "With --restore-anyway: give agents of the other identity new addresses without asking.")
  var repairAgents = false
  /// Taken so that they are refused without being repeated.
  @Argument(parsing: .remaining, help: .hidden) var words: [String] = []
  @OptionGroup var screen: ScreenOptions
  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard words.isEmpty else {
      throw ValidationError(
        """
        The words are never given as arguments: other programs could read them there, and your shell remembers them. \
        Run 'osaurus-host recover' and type them. If these were the words, delete them from your shell's history.
        """)
    }
  }

  private enum Outcome: String { case made, unchanged, restored }

  func run() async throws {
    let folders = try OpenHost.folders()
    let master = try await Terminal.inputIsTerminal ? typed() : piped()
    let recovery = IdentityRecovery(of: master, folders: folders)
    tell("These words are the identity \(recovery.address.checksummed).")
    let outcome = try await restore(recovery)
    if output.json {
      Terminal.say(
        JSONText.object(["address": recovery.address.checksummed, "outcome": outcome.rawValue]))
    }
  }

  private func tell(_ sentence: String) {
    if !output.json { Terminal.say(sentence) }
  }

  /// The words took standard input where it is no terminal, so a passphrase comes from elsewhere then.
  private func passphrases() throws -> any PassphraseSource {
    Terminal.inputIsTerminal
      ? try NewPassphrase.source(for: keystore, in: OpenHost.folders()) : SystemPassphraseSource()
  }

  // MARK: The words

  private func typed() async throws -> MasterKey {
    guard Terminal.outputIsTerminal else {
      throw CommandFailure(
        .wrongUsage, "needs_terminal", "The words are asked for on a terminal, and this is none.",
        nextStep: "Give them from a file: osaurus-host recover --json < words.txt")
    }
    do {
      return try await TerminalScreen.lend(plain: screen.plain) { try PhraseEntry(screen: $0).read() }
    } catch is TerminalScreen.Interrupted {
      throw CommandFailure(.interrupted, "interrupted", "Nothing was changed.")
    }
  }

  /// The words from standard input. What is wrong with them is told with words from them only where a person reads it.
  private func piped() throws -> MasterKey {
    var draft = PhraseDraft()
    do {
      try draft.add(try TextFile.read("-", atMost: 8192))
    } catch let problem as PhraseDraft.Problem {
      if case .unknownWord(_, let position, _) = problem, !Terminal.isShown(.error) || output.json {
        throw CommandFailure(.failed, "unknown_word", "Word \(position) is not on the list.")
      }
      throw CommandFailure(
        .failed, problem == .tooManyWords ? "word_count" : "unknown_word", PhraseEntry.words(problem))
    }
    do {
      return try draft.masterKey()
    } catch {
      guard error == .phraseChecksum else { throw CommandFailure(.failed, "word_count", error.description) }
      let likely = PhraseCorrection.all(for: draft.words).filter(\.isLikely)
      let places = Set(likely.map(\.position)).sorted().map(String.init).joined(separator: ", ")
      throw CommandFailure(
        .failed, "phrase_checksum", "The words do not belong together: at least one is wrong.",
        nextStep: places.isEmpty
          ? "Compare them with what you have written down."
          : "Look at these first, by their numbers: \(places)")
    }
  }

  // MARK: The host

  private func restore(_ recovery: IdentityRecovery) async throws -> Outcome {
    switch try await recovery.examine() {
    case .noHost:
      if Terminal.inputIsTerminal {
        try Terminal.confirm(
          "There is no host here. Make one with this identity?", assumingYes: confirmation.yes)
      }
      let oldKeys = chosenOldKeys()
      let made = try await recovery.makeHost(
        keyStore: keystore, oldKeys: oldKeys, passphrases: try passphrases())
      tell("The host is made. \(made.keyStoreWords)")
      tell(
        """
        What was only on another machine is not here: the names of agents, access keys, which of them were revoked, \
        which issuers were trusted, and which indices and counters were used.
        """)
      tell(
        oldKeys == .shut
          ? "Access keys that were made before are refused here."
          : "Access keys that were made before and have not ended are good again, revoked ones among them. To shut them: osaurus-host identity shut-keys"
      )
      tell("New agents get addresses that no other host gives. To bring one back: osaurus-host agent restore")
      return .made
    case .same(let agents):
      try recovery.acknowledge()
      tell(
        "The host on this machine has this identity, and its keys are in their place. Nothing was changed.")
      if let agents { tell(Self.words(agents)) }
      return .unchanged
    case .other(let present, let agents):
      try await replace(
        recovery, of: "the host has the identity \(present.checksummed).", foreignAgents: agents.foreign)
      return .restored
    case .lost(let isKnown, let agents) where agents.foreign > 0 && !isKnown:
      let addresses = agents.addresses.prefix(4).map(\.checksummed).joined(separator: ", ")
      try await replace(
        recovery,
        of: "\(agents.foreign) of \(agents.addresses.count) agents have another one (agents: \(addresses)).",
        foreignAgents: agents.foreign)
      return .restored
    case .lost(_, let agents):
      try recovery.putBackIdentity()
      tell("The identity is back in its place. \(Self.words(agents))")
      return .restored
    case .dataKeyLost:
      try recovery.restoreKeys()
      tell("The words opened what is stored here. Its keys are back in their place.")
      return .restored
    }
  }

  private static func words(_ agents: IdentityRecovery.Agents) -> String {
    switch (agents.addresses.count, agents.foreign) {
    case (0, _): "There are no agents to compare it with."
    case (let count, 0): "All \(count) agents on this machine are of this identity."
    case (let count, let foreign):
      """
      Of \(count) agents on this machine, \(foreign) are not of this identity. Give them new addresses with: osaurus-host \
      identity repair
      """
    }
  }

  /// Puts this identity in another one's place, if that is meant.
  private func replace(_ recovery: IdentityRecovery, of other: String, foreignAgents: Int) async throws {
    let both = "These words are \(recovery.address.checksummed), but \(other)"
    guard restoreAnyway else {
      throw CommandFailure(
        .failed, "other_identity", "\(both) Nothing was changed.",
        nextStep: "If that is meant: osaurus-host recover --restore-anyway")
    }
    Terminal.note(both)
    Terminal.note("The identity that is there now is lost to this host; only its own words bring it back.")
    Terminal.note("What is stored stays; these words open it then, and the other ones no longer.")
    try Terminal.confirm("Put the identity of the words in its place?", assumingYes: confirmation.yes)
    let oldKeys = chosenOldKeys()
    let agents = foreignAgents == 1 ? "1 agent has" : "\(foreignAgents) agents have"
    let repairs =
      foreignAgents > 0
      && (repairAgents
        || asks
          && Terminal.choose(
            "\(agents) an address that nobody can speak for then. Give new ones?", byDefault: true))
    try await recovery.replaceIdentity(repairingAgents: repairs, oldKeys: oldKeys)
    tell("The host has the identity \(recovery.address.checksummed) now.")
    if foreignAgents > 0 {
      tell(
        repairs
          ? "\(agents) a new address of it; devices have to pair again."
          : "\(agents) an address of the other one. Give new ones with: osaurus-host identity repair")
    }
  }

  /// Whether there is somebody to ask.
  private var asks: Bool { Terminal.inputIsTerminal && !confirmation.yes && !output.json }

  /// What becomes of keys from elsewhere: as the option says, or the owner; safe without both.
  private func chosenOldKeys() -> OldAccessKeys {
    if let oldKeys { return oldKeys }
    guard asks else { return .shut }
    Terminal.note(
      "Which access keys were revoked elsewhere cannot be known here, nor which issuers were trusted.")
    return Terminal.choose("Refuse every key that was made before now?", byDefault: true) ? .shut : .keep
  }
}

extension OldAccessKeys: ExpressibleByArgument {}
