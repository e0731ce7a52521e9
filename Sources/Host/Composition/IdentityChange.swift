public import Foundation
public import Identity
public import Keyring
import SecretMemory
import Storage
import Stores

/// Puts another identity in the place of a host's, so that a crash at any moment leaves the old one or the new.
///
/// The new identity goes to where the keys rest, beside the old one; then one write to `host.json` says that the host is
/// changing to it. Before that write nothing has changed. After it, the next start, or the next command, does what is
/// left: the words' key slot, agents and keys in one transaction, the identity in its place, and the end of the note in
/// `host.json`. Each of these can be done twice. The data key stays what it is.
public struct IdentityChange: Sendable {
  /// What the host changes to, as `host.json` notes it while that is not done.
  struct Note: Codable, Hashable, Sendable {
    let address: Address
    /// Whether the identity was only just made, so that no other host can have it.
    let isNew: Bool
    let oldKeys: OldAccessKeys
    /// Whether agents of the old identity get addresses of the new one.
    let repairsAgents: Bool
    /// When the owner showed that the new words are written down.
    var acknowledgedAt: Date?
  }

  /// The places between two writes.
  enum Step: CaseIterable, Sendable {
    case nextStored, noted, slotReplaced, databaseChanged, masterStored, noteTaken, nextRemoved
  }

  private let folders: HostFolders
  /// Tests let a change end here.
  private let reached: @Sendable (Step) throws -> Void

  public init(folders: HostFolders) { self.init(folders: folders) { _ in } }

  init(folders: HostFolders, reached: @escaping @Sendable (Step) throws -> Void) {
    self.folders = folders
    self.reached = reached
  }

  /// Makes a new identity the host's. All agents get new addresses of it, every key is shut, no foreign issuer is
  /// trusted any more; what is stored stays, and the new words open it where the old ones did.
  /// - Parameter acknowledgedAt: when the owner showed to have the new words; nil for not yet.
  /// - Throws: as ``restore(_:repairingAgents:oldKeys:)``.
  public func reset(to master: MasterKey, acknowledgedAt: Date? = nil) async throws {
    try await change(
      to: master,
      Note(
        address: master.address, isNew: true, oldKeys: .shut, repairsAgents: true,
        acknowledgedAt: acknowledgedAt))
  }

  /// Makes the identity of words that were typed the host's.
  ///
  /// - Parameters:
  ///   - repairs: whether agents of the old identity get addresses of the new one; else nobody can speak for them.
  ///   - oldKeys: what becomes of keys that were made before.
  /// - Throws: ``HostError/dataInUse(folder:)`` while a service runs on the data, ``HostError/keysMissing(keyStore:)``,
  ///   and what key store, slots and databases say. Nothing was changed then.
  public func restore(
    _ master: MasterKey, repairingAgents repairs: Bool, oldKeys: OldAccessKeys
  ) async throws {
    try await change(
      to: master,
      Note(
        address: master.address, isNew: false, oldKeys: oldKeys, repairsAgents: repairs,
        acknowledgedAt: Date()))
  }

  /// - Throws: ``HostError/dataInUse(folder:)`` while a service runs on the data.
  public func refuseWhileServed() throws { _ = try serviceLock() }

  /// The identity that the host has begun to change to; nil where it has not.
  public static func unfinished(in folders: HostFolders) throws -> Address? {
    try HostSettingsFile.read(folders)?.identityChange?.address
  }

  /// Does what is left of a change that was interrupted.
  /// - Throws: ``HostError/identityChangeUnfinished(to:)`` where the new identity is not in the key store any more.
  public func finish() async throws {
    try KeyRotation(folders: folders).finish()
    guard try Self.unfinished(in: folders) != nil else { return }
    let lock = try await makingLock()
    let use = try DataUse.shared(folders)
    defer { withExtendedLifetime((lock, use)) {} }
    // Whoever held the lock may have done it.
    guard let file = try HostSettingsFile.read(folders), let note = file.identityChange else { return }
    let store = HostKeyStore.open(file.keystore, hostID: file.hostID, folders: folders)
    try await carryOut(note, file, store, try dataKey(in: store))
  }

  private func change(to master: MasterKey, _ note: Note) async throws {
    try await finish()
    let lock = try await makingLock()
    defer { withExtendedLifetime(lock) {} }
    let service = try serviceLock()
    let use = try DataUse.shared(folders)
    defer { withExtendedLifetime((service, use)) {} }
    let settings = try HostSettings.load(folders: folders)
    guard var file = try HostSettingsFile.read(folders) else { throw HostError.notInitialised }
    let store = HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
    // What would be refused later is refused now.
    let key = try dataKey(in: store)
    try KeySlotFile(folders: folders, host: settings.hostID).read()?.check(with: key)
    try HostDatabases.open(in: folders, key: key).close()

    try Self.keep(master, as: .nextMasterKey, in: store)
    try reached(.nextStored)
    file.identityChange = note
    try file.write(folders)
    try reached(.noted)
    try await carryOut(note, file, store, key)
  }

  private func carryOut(
    _ note: Note, _ file: HostSettingsFile, _ store: any KeyStore, _ key: DataKey
  ) async throws {
    guard let master = try Self.next(note.address, in: store) else {
      throw HostError.identityChangeUnfinished(to: note.address)
    }
    try KeySlotFile(folders: folders, host: file.hostID).replacePhrase(with: master, for: key)
    try reached(.slotReplaced)
    let databases = try HostDatabases.open(in: folders, key: key)
    do {
      try await IdentityStore(databases.host).change(
        to: master, past: note.isNew ? .none : .unknown(note.oldKeys), repairs: note.repairsAgents,
        shutsAll: note.isNew)
      databases.close()
    } catch {
      databases.close()
      throw error
    }
    try reached(.databaseChanged)
    try Self.keep(master, as: .masterKey, in: store)
    try reached(.masterStored)
    var file = file
    file.identityChange = nil
    file.acknowledgedAt = note.acknowledgedAt
    try file.write(folders)
    try reached(.noteTaken)
    try store.remove(.nextMasterKey)
    try reached(.nextRemoved)
  }

  /// The identity with this address, from its place or from beside it.
  private static func next(_ address: Address, in store: any KeyStore) throws -> MasterKey? {
    for item in [KeyItem.nextMasterKey, .masterKey] {
      guard let entropy = try store.load(item) else { continue }
      let master = try MasterKey(entropy: entropy)
      if master.address == address { return master }
    }
    return nil
  }

  private static func keep(_ master: MasterKey, as item: KeyItem, in store: any KeyStore) throws {
    let isKept = try master.withEntropy { bytes in
      let entropy = SecretBytes(copying: bytes)
      try store.store(entropy, as: item)
      return try store.load(item)?.isEqual(to: entropy) == true
    }
    guard isKept else { throw HostError.keyStoreForgets(store.kind.rawValue) }
  }

  private func dataKey(in store: any KeyStore) throws -> DataKey {
    guard let bytes = try store.load(.dataKey) else {
      throw HostError.keysMissing(keyStore: store.kind.rawValue)
    }
    return try DataKey(bytes)
  }

  private func serviceLock() throws -> FileLock {
    guard let lock = try FileLock(tryFor: folders.serviceLock) else {
      throw HostError.dataInUse(folder: folders.data.path)
    }
    return lock
  }

  private func makingLock() async throws -> FileLock {
    let lock = try await FileLock.waiting(for: folders.initialisationLock, patience: .seconds(10))
    guard let lock else { throw HostError.initialisationRunning }
    return lock
  }
}
