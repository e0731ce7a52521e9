import Foundation
import Identity
import Keyring
import SecretMemory
import Storage
import Stores
import Testing

@testable import Host

@Suite("Changing the identity of a host", .timeLimit(.minutes(10)))
final class IdentityChangeTests {
  private struct Interrupted: Error {}

  private let home = TemporaryHome()
  private var folders: HostFolders { home.folders }
  private var store: FileKeyStore { FileKeyStore(file: home.folders.keyFile) }

  /// What is to outlive any change of identity.
  private struct Before {
    let master: MasterKey
    let dataKey: DataKey
    let agents: [AgentRecord]
    let session: UUID
  }

  /// A host with agents, a key, something that was said, and its words confirmed.
  private func made(recoverySlot: Bool = true) async throws -> Before {
    let made = try await HostInitialiser(folders: folders).initialise(
      keyStore: .file, recoverySlot: recoverySlot)
    try WordsAcknowledgement(folders: folders).record(at: Date())
    let phrase = made.withWords { $0.joined(separator: " ") }
    return try await open { services in
      let master = services.master
      var agents: [AgentRecord] = []
      for name in ["Ada", "Bob"] {
        agents.append(
          try await services.agents.create(name: name) { try master.agentKey($0).address })
      }
      _ = try await services.keys.mint(by: master.signingKey, label: "", expiry: .never)
      _ = try await services.keys.mint(
        by: try master.agentKey(AgentIndex(rawValue: 0)), label: "", expiry: .never)
      let session = try await services.chats.openSession(
        UUID(), agentID: agents[0].id, openedBy: .owner, title: "Garden", model: nil, source: .http)
      return Before(
        master: try MasterKey(mnemonic: Mnemonic(parsing: phrase)),
        dataKey: try self.dataKey(), agents: agents, session: session.id
      )
    }
  }

  private func open<R: Sendable>(_ body: (HostServices) async throws -> R) async throws -> R {
    let services = try await HostServices.open(
      folders: folders, settings: HostSettings.load(folders: folders), logger: .quiet)
    do {
      let result = try await body(services)
      await services.shutdown()
      return result
    } catch {
      await services.shutdown()
      throw error
    }
  }

  private func dataKey() throws -> DataKey {
    guard let bytes = try store.load(.dataKey) else { throw Interrupted() }
    return try DataKey(bytes)
  }

  private func health() throws -> HostHealth {
    try HostHealth(folders: folders, settings: HostSettings.load(folders: folders))
  }

  private func change(endingAt step: IdentityChange.Step?) -> IdentityChange {
    IdentityChange(folders: folders) { if $0 == step { throw Interrupted() } }
  }

  /// Nothing at rest is lost: the same data key, the conversation, the agents by id and name.
  private func expectKept(_ before: Before) async throws {
    let key = try dataKey()
    #expect(key.isEqual(to: before.dataKey))
    try await open { services in
      let said = try await services.chats.session(before.session)
      #expect(said?.title == "Garden")
      let agents = try await services.agents.list()
      #expect(agents.map(\.id) == before.agents.map(\.id))
    }
  }

  private func opensStore(_ master: MasterKey) throws -> Bool {
    let settings = try HostSettings.load(folders: folders)
    return (try? HostKeySlots(folders: folders, settings: settings).open(with: .phrase(master))) != nil
  }

  @Test("a reset gives everything a new identity and loses nothing that was stored")
  func reset() async throws {
    let before = try await made()
    let settings = try HostSettings.load(folders: folders)
    let passphrase = try Passphrase(
      typed: SecretBytes(count: 16) { $0.copyBytes(from: Array("sixteen letters!".utf8)) })
    _ = try HostKeySlots(folders: folders, settings: settings).add(passphrase: passphrase)
    let new = try MasterKey.generate()
    try await change(endingAt: nil).reset(to: new)
    try await expectKept(before)
    let health = try health()
    #expect(health.isGood && health.address == new.address && health.keyCount == 0 && health.agentCount == 2)
    #expect(try opensStore(new) && !opensStore(before.master))
    #expect(
      try HostKeySlots(folders: folders, settings: settings).checked().map(\.kind.name) == [
        "phrase", "passphrase",
      ])
    // Nobody has shown to have the new words.
    #expect(WordsAcknowledgement(folders: folders).isMissing)
    #expect(try store.contains(.nextMasterKey) == false)
    try await open { services in
      let agents = try await services.agents.list()
      for (old, new) in zip(before.agents, agents) { #expect(new.address != old.address) }
      let key = try await services.keys.mint(by: services.master.signingKey, label: "", expiry: .never).0
      #expect(key.revokedAt == nil)
    }
  }

  @Test(
    "a reset that ends between any two writes leaves the old identity or the new, and the next start finishes it",
    arguments: IdentityChange.Step.allCases)
  func interruptedReset(step: IdentityChange.Step) async throws {
    let before = try await made()
    let new = try MasterKey.generate()
    await #expect(throws: Interrupted.self) { try await self.change(endingAt: step).reset(to: new) }
    let expected = step == .nextStored ? before.master : new
    try await expectKept(before)
    let health = try health()
    #expect(health.address == expected.address)
    #expect(health.isGood, "\(health.summary)")
    #expect(try opensStore(expected))
    #expect(try IdentityChange.unfinished(in: folders) == nil)
    #expect(WordsAcknowledgement(folders: folders).isMissing == (step != .nextStored))
    // And once more, by whoever does not know that it was done.
    let third = try MasterKey.generate()
    try await change(endingAt: nil).reset(to: third)
    try await expectKept(before)
    #expect(try self.health().address == third.address)
    #expect(try store.contains(.nextMasterKey) == false)
  }

  @Test(
    "words of another identity that are put in place take the words' slot, and agents when that is meant",
    arguments: IdentityChange.Step.allCases, [true, false])
  func interruptedRestore(step: IdentityChange.Step, repairs: Bool) async throws {
    let before = try await made()
    let other = try MasterKey.generate()
    await #expect(throws: Interrupted.self) {
      try await self.change(endingAt: step).restore(other, repairingAgents: repairs, oldKeys: .shut)
    }
    // The second run finds where the first one ended.
    let recovery = IdentityRecovery(of: other, folders: folders)
    switch try await recovery.examine() {
    case .same: #expect(step != .nextStored)
    case .other(let present, let agents):
      #expect(step == .nextStored && present == before.master.address && agents.foreign == 2)
      try await recovery.replaceIdentity(repairingAgents: repairs, oldKeys: .shut)
    case let finding: Issue.record("\(finding)")
    }
    try await expectKept(before)
    let health = try health()
    #expect(health.address == other.address && health.wordsSlot == .matching)
    #expect(health.identity.driftedAgents.count == (repairs ? 0 : 2))
    #expect(health.keyCount == 0)
    #expect(try opensStore(other) && !opensStore(before.master))
    #expect(!WordsAcknowledgement(folders: folders).isMissing)
    guard !repairs else { return }
    try await open { services in
      let trial = try await services.repairIdentity(isTrial: true)
      #expect(trial.agents.map(\.before.name) == ["Ada", "Bob"])
      let done = try await services.repairIdentity(isTrial: false)
      #expect(done == trial)
    }
    #expect(try self.health().isGood)
  }

  @Test("where no words opened what is stored, new ones do not either")
  func withoutSlot() async throws {
    let before = try await made(recoverySlot: false)
    let new = try MasterKey.generate()
    try await change(endingAt: nil).reset(to: new)
    try await expectKept(before)
    #expect(try health().wordsSlot == .missing)
    #expect(!FileManager.default.fileExists(atPath: folders.keySlotsFile.path))
  }

  @Test("slots that somebody else changed refuse the change before anything is written")
  func alteredSlots() async throws {
    _ = try await made()
    let settings = try HostSettings.load(folders: folders)
    try FileManager.default.removeItem(at: folders.keySlotsFile)
    try KeySlotFile(folders: folders, host: settings.hostID).add(.phrase(.generate()), for: .generate())
    let (keys, file) = (try Data(contentsOf: folders.keyFile), try Data(contentsOf: folders.settingsFile))
    await #expect(throws: StorageError.alteredSlots) {
      try await self.change(endingAt: nil).reset(to: .generate())
    }
    #expect(try Data(contentsOf: folders.keyFile) == keys)
    #expect(try Data(contentsOf: folders.settingsFile) == file)
  }

  @Test("while a service runs, or without the data key, nothing is changed")
  func refused() async throws {
    _ = try await made()
    let keys = try Data(contentsOf: folders.keyFile)
    do {
      let lock = try #require(try FileLock(tryFor: folders.serviceLock))
      await #expect(throws: HostError.dataInUse(folder: folders.data.path)) {
        try await self.change(endingAt: nil).reset(to: .generate())
      }
      withExtendedLifetime(lock) {}
    }
    #expect(try Data(contentsOf: folders.keyFile) == keys)
    try store.remove(.dataKey)
    await #expect(throws: HostError.keysMissing(keyStore: "file")) {
      try await self.change(endingAt: nil).reset(to: .generate())
    }
    #expect(try IdentityChange.unfinished(in: folders) == nil)
  }

  @Test("when the new identity is lost in the middle, the host says whose words bring it back, and they do")
  func lostInTheMiddle() async throws {
    let before = try await made()
    let other = try MasterKey.generate()
    await #expect(throws: Interrupted.self) {
      try await self.change(endingAt: .noted).restore(other, repairingAgents: true, oldKeys: .shut)
    }
    try store.remove(.nextMasterKey)
    await #expect(throws: HostError.identityChangeUnfinished(to: other.address)) {
      try await self.open { _ in }
    }
    guard case .same = try await IdentityRecovery(of: other, folders: folders).examine() else {
      Issue.record("the words did not bring it back")
      return
    }
    try await expectKept(before)
    #expect(try health().isGood)
  }

  @Test("a service that was opened before the identity changed does not start")
  func changedMeanwhile() async throws {
    _ = try await made()
    try await open { services in
      try await services.confirmIdentity()
      try await self.change(endingAt: nil).reset(to: .generate())
      await #expect(throws: HostError.identityChanged) { try await services.confirmIdentity() }
    }
  }
}
