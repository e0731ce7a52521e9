import Foundation
import Identity
import Keyring
import SecretMemory
import Storage
import Testing

@testable import Host

@Suite("Bringing back what the key store lost")
final class HostRecoveryTests {
  private let home = TemporaryHome()
  private var folders: HostFolders { home.folders }
  private var store: FileKeyStore { FileKeyStore(file: home.folders.keyFile) }

  /// A host that was made, its words, and its settings.
  private func made(recoverySlot: Bool = true) async throws -> (phrase: String, settings: HostSettings) {
    let made = try await HostInitialiser(folders: folders).initialise(
      keyStore: .file, recoverySlot: recoverySlot)
    return (made.withWords { $0.joined(separator: " ") }, try HostSettings.load(folders: folders))
  }

  private static func passphrase(_ text: String) throws -> Passphrase {
    try Passphrase(typed: SecretBytes(count: text.utf8.count) { $0.copyBytes(from: text.utf8) })
  }

  private func restore(_ phrase: String, _ settings: HostSettings) throws -> HostRecovery.Restored {
    try HostRecovery.restoreDataKey(
      from: Mnemonic(parsing: phrase), folders: folders, settings: settings)
  }

  @Test(
    "the 24 words bring back whatever is missing, and the host opens",
    arguments: [[KeyItem.masterKey, .dataKey], [.masterKey], [.dataKey], []])
  func words(lost: [KeyItem]) async throws {
    let (phrase, settings) = try await made()
    let address = try HostCheck(folders: folders, settings: settings).address
    for item in lost { try store.remove(item) }
    #expect(try restore(phrase, settings) == .init(address: address, items: Set(lost)))
    let found = try HostCheck(folders: folders, settings: settings)
    #expect(found.address == address)
    #expect(found.databases == Dictionary(uniqueKeysWithValues: HostDatabases.kept.map { ($0, .current) }))
    #expect(try restore(phrase, settings).items.isEmpty)
  }

  @Test("a key file that is gone altogether is made again")
  func wholeFile() async throws {
    let (phrase, settings) = try await made()
    try FileManager.default.removeItem(at: folders.keyFile)
    #expect(try restore(phrase, settings).items == [.masterKey, .dataKey])
    let services = try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
    await services.shutdown()
  }

  @Test("another identity's words are refused with both addresses, and nothing is changed")
  func otherWords() async throws {
    let (_, settings) = try await made()
    let address = try HostCheck(folders: folders, settings: settings).address
    try store.remove(.masterKey)
    try store.remove(.dataKey)
    let before = try Data(contentsOf: folders.keyFile)
    let other = try MasterKey.generate()
    let refusal = HostError.otherIdentity(here: address, given: other.address)
    #expect(throws: refusal) {
      try HostRecovery.restoreDataKey(from: other.mnemonic(), folders: folders, settings: settings)
    }
    for shown in [address, other.address] { #expect(refusal.description.contains(shown.checksummed)) }
    #expect(try Data(contentsOf: folders.keyFile) == before)
  }

  @Test("where the key store has another identity's key, it is not overwritten")
  func otherMaster() async throws {
    let (phrase, settings) = try await made()
    let other = try MasterKey.generate()
    try other.withEntropy { try store.store(SecretBytes(copying: $0), as: .masterKey) }
    try store.remove(.dataKey)
    let before = try Data(contentsOf: folders.keyFile)
    #expect(throws: HostError.self) { try restore(phrase, settings) }
    #expect(try Data(contentsOf: folders.keyFile) == before)
  }

  @Test("a data key that does not open the databases gives way; where there are none, nothing is overwritten")
  func otherDataKey() async throws {
    let (phrase, settings) = try await made()
    try store.store(.random(count: 32), as: .dataKey)
    #expect(try restore(phrase, settings).items == [.dataKey])
    _ = try HostCheck(folders: folders, settings: settings)

    try store.store(.random(count: 32), as: .dataKey)
    for folder in ["host", "chat", "memory", "methods", "tools"] {
      try FileManager.default.removeItem(at: folders.data.appending(path: folder))
    }
    let before = try Data(contentsOf: folders.keyFile)
    #expect(throws: HostError.otherDataKey(keyStore: "file")) { try restore(phrase, settings) }
    #expect(try Data(contentsOf: folders.keyFile) == before)
  }

  @Test("without a slot for them the words are refused, and say so")
  func noSlot() async throws {
    let (phrase, settings) = try await made(recoverySlot: false)
    #expect(!FileManager.default.fileExists(atPath: folders.keySlotsFile.path))
    try store.remove(.dataKey)
    #expect(throws: HostError.noPhraseSlot) { try restore(phrase, settings) }
    #expect(try store.contains(.dataKey) == false)
  }

  @Test("a passphrase brings the data key back, and the identity it does not")
  func passphrase() async throws {
    let (_, settings) = try await made(recoverySlot: false)
    let slots = HostKeySlots(folders: folders, settings: settings)
    _ = try slots.add(passphrase: Self.passphrase("correct horse battery"))
    try store.remove(.dataKey)
    #expect(throws: HostError.wrongPassphrase) {
      try HostRecovery.restoreDataKey(
        withPassphrase: Self.passphrase("wrong horse battery"), folders: folders, settings: settings)
    }
    #expect(try store.contains(.dataKey) == false)
    let restored = try HostRecovery.restoreDataKey(
      withPassphrase: Self.passphrase("correct horse battery"), folders: folders, settings: settings)
    #expect(restored == .init(address: nil, items: [.dataKey]))
    _ = try HostCheck(folders: folders, settings: settings)
  }

  @Test("slots of an older copy, whose key opens nothing here, put nothing back")
  func olderCopy() async throws {
    let (phrase, settings) = try await made()
    let master = try MasterKey(mnemonic: Mnemonic(parsing: phrase))
    try FileManager.default.removeItem(at: folders.keySlotsFile)
    try KeySlotFile(folders: folders, host: settings.hostID).add(.phrase(master), for: .generate())
    try store.remove(.dataKey)
    #expect(throws: StorageError.self) { try restore(phrase, settings) }
    #expect(try store.contains(.dataKey) == false)
  }

  // MARK: Making a host

  @Test(
    "an interrupted init leaves one slot, for the words that are shown in the end", arguments: [true, false])
  func interrupted(recoverySlot: Bool) async throws {
    let (phrase, _) = try await made()
    var file = try #require(try HostSettingsFile.read(folders))
    file.isComplete = false
    try file.write(folders)
    let (again, settings) = try await made(recoverySlot: recoverySlot)
    #expect(again == phrase)
    let slots = try HostKeySlots(folders: folders, settings: settings).checked()
    #expect(slots.count == (recoverySlot ? 1 : 0))

    file.isComplete = false
    try file.write(folders)
    let other = try MasterKey.generate()
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file, from: other.mnemonic())
    let left = try HostKeySlots(folders: folders, settings: settings).checked()
    #expect(left.map(\.kind) == [.phrase(other.address)])
  }

  @Test("slots without settings are what is left of a host")
  func leftover() async throws {
    try folders.create()
    try PrivateFile.replace(folders.keySlotsFile, with: [1])
    await #expect(throws: HostError.leftovers(path: folders.keySlotsFile.path)) {
      try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    }
  }

  // MARK: The owner's view

  @Test("the owner lists, finds, adds, tries and removes slots")
  func slots() async throws {
    let (phrase, settings) = try await made()
    let master = try MasterKey(mnemonic: Mnemonic(parsing: phrase))
    let slots = HostKeySlots(folders: folders, settings: settings)
    let first = try #require(try slots.checked().first)
    #expect(first.kind == .phrase(master.address))
    #expect(throws: StorageError.phraseSlotExists) { _ = try slots.addPhrase() }
    #expect(try slots.find("phrase") == first)
    #expect(try slots.find(first.id.uuidString.lowercased()) == first)
    for nothing in ["", "passphrase", "x", UUID().uuidString] {
      #expect(throws: StorageError.noSuchSlot(nothing)) { _ = try slots.find(nothing) }
    }
    #expect(throws: StorageError.lastSlot) { try slots.remove(first.id) }
    let second = try slots.add(passphrase: Self.passphrase("correct horse battery"))
    let opened = try slots.open(with: .passphrase(Self.passphrase("correct horse battery")))
    #expect(opened.slot == second && opened.hasData)
    #expect(try slots.open(with: .phrase(master)).slot == first)
    try slots.remove(first.id)
    #expect(throws: HostError.noPhraseSlot) { _ = try slots.open(with: .phrase(master)) }
    _ = try slots.addPhrase()
    #expect(try slots.checked().map(\.kind.name) == ["passphrase", "phrase"])

    try store.remove(.dataKey)
    #expect(throws: HostError.keysMissing(keyStore: "file")) { _ = try slots.checked() }
    #expect(try slots.listed().count == 2)
    #expect(throws: HostError.keysMissing(keyStore: "file")) { try slots.remove(second.id) }
    try store.store(.random(count: 32), as: .dataKey)
    #expect(throws: StorageError.alteredSlots) { _ = try slots.checked() }
    #expect(throws: StorageError.alteredSlots) { try slots.remove(second.id) }
  }
}
