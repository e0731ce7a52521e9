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
    try used {
      guard let slots = try file.read() else { return [] }
      try slots.check(with: HostKeyStore.keys(of: settings, folders: folders).1)
      return slots.slots
    }
  }

  /// Adds the slot for the 24 words of this host.
  /// - Throws: `StorageError`, `KeyringError`, and ``HostError/keysMissing(keyStore:)`` without the keys.
  public func addPhrase() throws -> KeySlot {
    try used {
      let (master, key) = try HostKeyStore.keys(of: settings, folders: folders)
      return try file.add(.phrase(master), for: key)
    }
  }

  /// Adds a slot for a passphrase, which takes about a second.
  /// - Throws: as ``addPhrase()``.
  public func add(passphrase: consuming Passphrase) throws -> KeySlot {
    let secret = SlotSecret.passphrase(passphrase)
    return try used {
      try file.add(secret, for: HostKeyStore.keys(of: settings, folders: folders).1)
    }
  }

  /// Adds a slot for this machine.
  /// - Throws: as ``addPhrase()``.
  public func addCredential(sealedWith binding: SystemdCredentials.Binding) throws -> KeySlot {
    try used {
      try file.add(.credential(binding), for: HostKeyStore.keys(of: settings, folders: folders).1)
    }
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
    try used { try file.remove(id, key: HostKeyStore.keys(of: settings, folders: folders).1) }
  }

  /// Runs `body` while nobody exchanges the data key, and once an exchange that was interrupted is at its end.
  private func used<R>(_ body: () throws -> R) throws -> R {
    try KeyRotation(folders: folders).finish()
    let use = try DataUse.shared(folders)
    defer { use.end() }
    return try body()
  }

  /// Opens a slot, and what is stored under the key that was in it, without changing any.
  /// - Throws: ``HostError/noPhraseSlot``, ``HostError/otherIdentity(here:given:)``, ``HostError/wrongPassphrase``, or
  ///   `StorageError`.
  public func open(with secret: borrowing SlotSecret) throws -> Opened {
    let use = try DataUse.shared(folders)
    defer { use.end() }
    let (slot, key) = try key(with: secret)
    if let interrupted = try openedInterrupted(slot, key, with: secret) { return interrupted }
    let conditions = try HostDatabases.check(in: folders, key: key).conditions
    return Opened(slot: slot, key: key, hasData: conditions.values.contains { $0 != .missing })
  }

  /// What opens, where an exchange of the data key was interrupted: the key in the slots or, if some databases are under
  /// another one already, the key in the slots that were made around that.
  private func openedInterrupted(
    _ slot: KeySlot, _ key: DataKey, with secret: borrowing SlotSecret
  ) throws -> Opened? {
    let next = NextGeneration(of: folders)
    guard next.isThere else { return nil }
    if try next.missing(under: key) != nil { return Opened(slot: slot, key: key, hasData: true) }
    let slots = try KeySlotFile(folders: next.folders, host: settings.hostID).read()
    guard let other = try slots?.open(with: secret), try next.missing(under: other.key) != nil else {
      return nil
    }
    return Opened(slot: other.slot, key: other.key, hasData: true)
  }

  private func key(with secret: borrowing SlotSecret) throws -> (KeySlot, DataKey) {
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
    return (opened.slot, opened.key)
  }
}
