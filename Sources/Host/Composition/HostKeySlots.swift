public import Foundation
import Identity
public import Keyring
public import Storage

/// The ways to what a host stored besides its key store, as the owner sees and changes them.
public struct HostKeySlots: Sendable {
  private let folders: HostFolders
  private let settings: HostSettings
  private let file: KeySlotFile

  public init(folders: HostFolders, settings: HostSettings) {
    self.folders = folders
    self.settings = settings
    file = KeySlotFile(folders: folders, host: settings.hostID)
  }

  /// What a secret opened.
  public struct Opened: Sendable {
    public let slot: KeySlot
    let key: DataKey
    /// Whether there is a database, which the key opened.
    public let hasData: Bool
  }

  /// The slots as they stand in the file; empty where there is none. Nothing proves that they open anything.
  /// - Throws: `StorageError`.
  public func listed() throws(StorageError) -> [KeySlot] { try file.read()?.slots ?? [] }

  /// The slots, and that nobody changed them who does not have the data key.
  /// - Throws: `StorageError`, `KeyringError`, and ``HostError/keysMissing(keyStore:)`` without the data key.
  public func checked() throws -> [KeySlot] {
    guard let slots = try file.read() else { return [] }
    try slots.check(with: HostKeyStore.keys(of: settings, folders: folders).1)
    return slots.slots
  }

  /// Adds the slot for the 24 words of this host.
  /// - Throws: `StorageError`, `KeyringError`, and ``HostError/keysMissing(keyStore:)`` without the keys.
  public func addPhrase() throws -> KeySlot {
    let (master, key) = try HostKeyStore.keys(of: settings, folders: folders)
    return try file.add(.phrase(master), for: key)
  }

  /// Adds a slot for a passphrase, which takes about a second.
  /// - Throws: as ``addPhrase()``.
  public func add(passphrase: consuming Passphrase) throws -> KeySlot {
    let key = try HostKeyStore.keys(of: settings, folders: folders).1
    return try file.add(.passphrase(passphrase), for: key)
  }

  /// Adds a slot for this machine.
  /// - Throws: as ``addPhrase()``.
  public func addCredential(sealedWith binding: SystemdCredentials.Binding) throws -> KeySlot {
    let key = try HostKeyStore.keys(of: settings, folders: folders).1
    return try file.add(.credential(binding), for: key)
  }

  /// Finds a slot by its id or, where it is the only one, by its kind.
  /// - Throws: `StorageError.noSuchSlot`, or what ``listed()`` throws.
  public func find(_ reference: String) throws(StorageError) -> KeySlot {
    let slots = try listed()
    let named = slots.filter { $0.kind.name == reference }
    guard let slot = slots.first(where: { $0.id == UUID(uuidString: reference) }) ?? named.first,
      named.count < 2 || UUID(uuidString: reference) != nil
    else { throw .noSuchSlot(reference) }
    return slot
  }

  /// Removes a slot that is not the last one.
  /// - Throws: as ``addPhrase()``.
  public func remove(_ id: KeySlot.ID) throws {
    try file.remove(id, key: HostKeyStore.keys(of: settings, folders: folders).1)
  }

  /// Opens a slot, and what is stored under the key that was in it, without changing any.
  /// - Throws: ``HostError/noPhraseSlot``, ``HostError/otherIdentity(here:given:)``, ``HostError/wrongPassphrase``, or
  ///   `StorageError`.
  public func open(with secret: borrowing SlotSecret) throws -> Opened {
    let slots = try file.read()
    if let master = secret.identity {
      guard let address = slots?.phraseAddress else { throw HostError.noPhraseSlot }
      guard address == master.address else {
        throw HostError.otherIdentity(here: address, given: master.address)
      }
    }
    guard let opened = try slots?.open(with: secret) else {
      // The right words did not open their slot.
      guard secret.identity == nil else { throw StorageError.alteredSlots }
      guard !secret.isCredential else {
        guard try listed().contains(where: { $0.kind.name == "credential" }) else {
          throw HostError.noCredentialSlot
        }
        throw StorageError.alteredSlots
      }
      throw HostError.wrongPassphrase
    }
    let conditions = try HostDatabases.check(in: folders, key: opened.key).conditions
    return Opened(
      slot: opened.slot, key: opened.key, hasData: conditions.values.contains { $0 != .missing })
  }
}
