import Foundation
import Identity
import Keyring
import SecretMemory
import Storage
import Stores
import Testing

@testable import Host

/// The making of a host, and every way of bringing one back, ended between any two writes and done again.
@Suite("An end between two writes", .timeLimit(.minutes(10)))
final class InterruptedMakingTests {
  private struct Interrupted: Error {}

  private let home = TemporaryHome()
  private var folders: HostFolders { home.folders }
  private var store: FileKeyStore { FileKeyStore(file: home.folders.keyFile) }

  private func initialiser(endingAt step: HostInitialiser.Step) -> HostInitialiser {
    HostInitialiser(folders: folders) { if $0 == step { throw Interrupted() } }
  }

  /// The host opens, under this identity, and its words open what is stored.
  private func expectWhole(_ address: Address) throws {
    let settings = try HostSettings.load(folders: folders)
    let check = try HostCheck(folders: folders, settings: settings)
    #expect(check.address == address)
    #expect(check.databases.values.allSatisfy { $0 == .current })
    let health = try HostHealth(folders: folders, settings: settings)
    #expect(health.isGood && health.wordsSlot == .matching, "\(health.summary)")
  }

  /// What a host begins with: the first index, and whether older keys are taken.
  private func beginning() async throws -> (index: UInt32?, floor: UInt64) {
    let services = try await HostServices.open(
      folders: folders, settings: HostSettings.load(folders: folders), logger: .quiet)
    let master = services.master
    let agent = try await services.agents.create(name: "Ada") { try master.agentKey($0).address }
    let floor = try await services.keys.validatorRules(master: master.address).counterFloor
    await services.shutdown()
    return (agent.keyIndex?.rawValue, floor)
  }

  @Test("an init that ends anywhere is finished by the next one", arguments: HostInitialiser.Step.allCases)
  func initialisation(step: HostInitialiser.Step) async throws {
    await #expect(throws: Interrupted.self) {
      try await self.initialiser(endingAt: step).initialise(keyStore: .file)
    }
    let kept = try store.load(.masterKey)
    do {
      let made = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
      #expect(step != .complete)
      if let kept { #expect(try MasterKey(entropy: kept.copy()).address == made.address) }
    } catch {
      // All of it was there; whoever did not see the words asks for them.
      #expect(step == .complete, "\(error)")
    }
    try expectWhole(try WordsAcknowledgement(folders: folders).master().address)
    let (index, floor) = try await beginning()
    #expect(index == 0 && floor == 0)
  }

  @Test(
    "a recovery on a bare machine that ends anywhere is finished by the same words",
    arguments: HostInitialiser.Step.allCases)
  func recovery(step: HostInitialiser.Step) async throws {
    let master = try MasterKey.generate()
    await #expect(throws: Interrupted.self) {
      try await self.initialiser(endingAt: step).initialise(keyStore: .file, from: master.mnemonic())
    }
    let recovery = IdentityRecovery(of: master, folders: folders)
    switch try await recovery.examine() {
    case .noHost:
      #expect(step != .complete)
      _ = try await recovery.makeHost(keyStore: .file, oldKeys: .shut)
    case .same:
      #expect(step == .complete)
      try recovery.acknowledge()
    case let finding: Issue.record("\(finding)")
    }
    try expectWhole(master.address)
    #expect(!WordsAcknowledgement(folders: folders).isMissing)
    let (index, floor) = try await beginning()
    #expect(try #require(index) >= 1 << 31)
    #expect(floor > 1_700_000_000)
  }

  @Test(
    "an init that finishes somebody's recovery knows that the identity may have had other hosts",
    arguments: HostInitialiser.Step.allCases.dropLast())
  func finishedByInit(step: HostInitialiser.Step) async throws {
    let master = try MasterKey.generate()
    await #expect(throws: Interrupted.self) {
      try await self.initialiser(endingAt: step).initialise(
        keyStore: .file, from: master.mnemonic(), oldKeys: .keep)
    }
    let made = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    #expect(made.address == master.address || step == .begun)
    let (index, floor) = try await beginning()
    #expect(try #require(index) >= 1 << 31)
    // Nobody answered the question what becomes of old keys.
    #expect(floor > 1_700_000_000)
  }

  @Test(
    "words that take an interrupted init's place leave nothing of it",
    arguments: HostInitialiser.Step.allCases.dropLast())
  func otherWords(step: HostInitialiser.Step) async throws {
    await #expect(throws: Interrupted.self) {
      try await self.initialiser(endingAt: step).initialise(keyStore: .file)
    }
    let master = try MasterKey.generate()
    _ = try await IdentityRecovery(of: master, folders: folders).makeHost(keyStore: .file, oldKeys: .keep)
    try expectWhole(master.address)
    let (index, floor) = try await beginning()
    #expect(try #require(index) >= 1 << 31 && floor == 0)
  }

  @Test("keys that come back from the words' slot do so in two steps, and the second run does what is left")
  func restoredKeys() async throws {
    let made = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    let master = try MasterKey(mnemonic: Mnemonic(parsing: made.withWords { $0.joined(separator: " ") }))
    let settings = try HostSettings.load(folders: folders)
    for lost in [[KeyItem.dataKey], [.dataKey, .masterKey]] {
      for item in lost { try store.remove(item) }
      #expect(throws: Interrupted.self) {
        try HostRecovery.restoreDataKey(from: master.mnemonic(), folders: folders, settings: settings) {
          throw Interrupted()
        }
      }
      #expect(try store.contains(.dataKey))
      let recovery = IdentityRecovery(of: master, folders: folders)
      switch try await recovery.examine() {
      case .same: #expect(lost == [.dataKey])
      case .lost(let isKnown, _):
        #expect(isKnown && lost.count == 2)
        try recovery.putBackIdentity()
      case let finding: Issue.record("\(finding)")
      }
      try expectWhole(master.address)
    }
  }

  @Test(
    "a key for the databases is never made where any database is, known to this version or not",
    arguments: DatabaseName.single.map(\.rawValue) + [
      "scheduler/jobs.sqlite", "plugins/a/b/own.db", "agents/x/data.sqlite3", "chat/history.sqlite-wal",
    ])
  func anyDatabase(path: String) async throws {
    try folders.create()
    let file = folders.data.appending(path: path)
    try PrivateFile.makeFolder(file.deletingLastPathComponent())
    try PrivateFile.replace(file, with: [1])
    #expect(throws: StorageError.keyMissingForExistingData) {
      _ = try DataKey.provision(in: store, folders: folders)
    }
    #expect(try store.contains(.dataKey) == false)
    await #expect(throws: HostError.self) {
      try await HostInitialiser(folders: self.folders).initialise(keyStore: .file)
    }
    #expect(!FileManager.default.fileExists(atPath: folders.settingsFile.path))
  }

  @Test("the managed model's own files are no data of the owner")
  func runtimeFiles() throws {
    try folders.create()
    let file = folders.modelRuntime.appending(path: "cache.sqlite")
    try PrivateFile.makeFolder(file.deletingLastPathComponent())
    try PrivateFile.replace(file, with: [1])
    _ = try DataKey.provision(in: store, folders: folders)
  }
}
