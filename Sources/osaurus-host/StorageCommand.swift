public import ArgumentParser
import Foundation
import Host
import Identity
public import Keyring
import SecretMemory
import Storage

/// `storage`: what the host keeps, and what opens it.
struct StorageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storage",
    abstract: "Look after what this host stores.",
    discussion: "Example: osaurus-host storage status",
    subcommands: [
      Status.self, Verify.self, Export.self, Import.self, RotateKey.self, Slots.self, Maintain.self,
      Move.self,
    ])

  /// `storage slots`: the ways to the stored data besides the key store.
  struct Slots: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "slots",
      abstract: "List, add, remove and try the ways to the stored data besides the key store.",
      discussion: """
        Example: osaurus-host storage slots list

        Everything stored is encrypted under one data key, which rests in the key store. A key slot holds that key \
        sealed: under the 24 words, under a passphrase, or for this machine. When the key store is lost, any one slot opens the data.
        """,
      subcommands: [List.self, Add.self, Remove.self, Test.self, Restore.self])
  }
}

/// What opens a slot, as people write it.
enum SlotKind: String, CaseIterable, ExpressibleByArgument {
  case phrase, passphrase, credential

  /// What the slot wants, in words.
  var words: String {
    switch self {
    case .phrase: "the 24 words"
    case .passphrase: "a passphrase"
    case .credential: "this machine"
    }
  }
}

extension StorageCommand.Slots {
  fileprivate static func open() throws -> (slots: HostKeySlots, folders: HostFolders, settings: HostSettings)
  {
    let folders = try OpenHost.folders()
    let settings = try HostSettings.load(
      folders: folders, environment: ProcessInfo.processInfo.environment)
    return (HostKeySlots(folders: folders, settings: settings), folders, settings)
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the key slots.",
      discussion: "Example: osaurus-host storage slots list --json")

    @OptionGroup var output: OutputOptions

    func run() async throws {
      let slots = try StorageCommand.Slots.open().slots
      let listed: [KeySlot]
      do {
        listed = try slots.checked()
      } catch let error as StorageError {
        throw error
      } catch {
        listed = try slots.listed()
        Terminal.note("The list could not be checked: \(FailureTranslation.failure(for: error).sentence)")
      }
      if output.json { return Terminal.say(try JSONText.encode(listed.map(SlotRow.init))) }
      guard !listed.isEmpty else {
        return Terminal.say(
          "No key slots: there is no way back but the key store. Add one with: osaurus-host storage slots add phrase"
        )
      }
      var table = Table("OPENED BY", "MADE", "ID")
      for slot in listed.map(SlotRow.init) {
        table.add(slot.words, slot.created.formatted(.iso8601), slot.id)
      }
      table.show()
    }
  }

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a key slot, for the 24 words, for a passphrase or for this machine.",
      discussion: """
        Example: osaurus-host storage slots add passphrase

        A passphrase is asked for twice, and not shown; 12 characters are the least, five random words are good. \
        The 24 words need not be typed. 'credential' is a secret that only this machine decrypts, by its TPM or by a \
        key that only root can read; systemd-creds makes it, before systemd 256 for root alone.
        """)

    @Argument(help: "What shall open it: phrase, passphrase or credential.") var kind: SlotKind
    @Option(
      name: .customLong("with-key"),
      help: "For credential, what seals it: tpm2, host (the machine's key), or auto for what there is.")
    var withKey = SystemdCredentials.Binding.auto
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let slots = try StorageCommand.Slots.open().slots
      let slot: KeySlot
      _ = try await OpenHost.finishedFolders()
      switch kind {
      case .phrase: slot = try slots.addPhrase()
      case .passphrase: slot = try slots.add(passphrase: try NewPassphrase.ask())
      case .credential: slot = try slots.addCredential(sealedWith: withKey)
      }
      if output.json { return Terminal.say(try JSONText.encode(SlotRow(slot))) }
      Terminal.say("Added: \(kind.words) now open\(kind == .phrase ? "" : "s") what this host stores.")
      Terminal.say("Try it: osaurus-host storage slots test \(kind.rawValue)")
    }

  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a key slot. The last one stays.",
      discussion: "Example: osaurus-host storage slots remove passphrase --yes")

    @Argument(help: "The slot's id, from 'storage slots list', or its kind where there is one of it.")
    var slot: String
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let slots = try StorageCommand.Slots.open().slots
      let found = try slots.find(slot)
      let row = SlotRow(found)
      try Terminal.confirm(
        "Remove the slot that \(row.words) opened since \(row.created.formatted(.iso8601))?",
        assumingYes: confirmation.yes)
      try slots.remove(found.id)
      if output.json { return Terminal.say(try JSONText.encode(row)) }
      Terminal.say("Removed. Copies of the data folder that were made before still have it.")
    }
  }

  struct Test: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Try whether the words that you wrote down, or a passphrase, open what is stored.",
      discussion: """
        Example: osaurus-host storage slots test phrase

        Nothing is changed. Exit code 1 when it opens nothing.
        """)

    @Argument(help: "What to try: phrase, passphrase or credential.") var kind: SlotKind
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let opened = try StorageCommand.Slots.open().slots.open(with: try kind.ask())
      if output.json { return Terminal.say(try JSONText.encode(SlotRow(opened.slot))) }
      Terminal.say(
        opened.hasData
          ? "It opens the databases of this host." : "It opens the key slot; there are no databases yet.")
    }
  }

  struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Put the keys back into a key store that lost them, from the 24 words or a passphrase.",
      discussion: """
        Example: osaurus-host storage slots restore phrase

        The 24 words bring back the identity and the data key, a passphrase and this machine the data key alone. Nothing is changed \
        unless the key opens the databases.
        """)

    @Argument(help: "What to restore from: phrase, passphrase or credential.") var kind: SlotKind
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let (_, folders, settings) = try StorageCommand.Slots.open()
      let restored: HostRecovery.Restored
      switch try kind.ask() {
      case .phrase(let master):
        restored = try HostRecovery.restoreDataKey(
          from: master.mnemonic(), folders: folders, settings: settings)
      case .passphrase(let passphrase):
        restored = try HostRecovery.restoreDataKey(
          withPassphrase: passphrase, folders: folders, settings: settings)
      case .credential:
        restored = try HostRecovery.restoreDataKeyWithCredential(folders: folders, settings: settings)
      }
      let names = restored.items.map(\.name).sorted()
      if output.json {
        struct Row: Encodable {
          let address: String?
          let restored: [String]
        }
        return Terminal.say(
          try JSONText.encode(Row(address: restored.address?.checksummed, restored: names)))
      }
      Terminal.say(
        names.isEmpty
          ? "Nothing was missing." : "Put back into the key store: \(names.joined(separator: ", ")).")
    }
  }
}

extension SlotKind {
  /// Asks for the secret, which is not shown: on a terminal, or as one line from a pipe.
  fileprivate func ask() throws -> SlotSecret {
    switch self {
    case .passphrase: return .passphrase(try Passphrase(typed: Terminal.readSecret(prompt: "Passphrase: ")))
    case .credential: return .credential(.auto)
    case .phrase:
      let line = try Terminal.readSecret(prompt: "The 24 words, in one line: ")
      return try line.withUnsafeBytes { bytes in
        .phrase(try MasterKey(mnemonic: Mnemonic(parsing: String(decoding: bytes, as: UTF8.self))))
      }
    }
  }
}

/// A slot as scripts get it.
private struct SlotRow: Encodable {
  let id: String
  /// `phrase`, `passphrase` or `credential`.
  let kind: String
  let created: Date
  /// The identity whose words open it.
  let address: String?

  init(_ slot: KeySlot) {
    id = slot.id.uuidString
    kind = slot.kind.name
    created = Date(timeIntervalSince1970: TimeInterval(slot.created))
    if case .phrase(let address) = slot.kind { self.address = address.checksummed } else { address = nil }
  }

  var words: String { SlotKind(rawValue: kind)?.words ?? kind }
}

extension SystemdCredentials.Binding: ExpressibleByArgument {}
