import Foundation
public import Identity
public import Keyring
import SecretMemory
import Storage

/// Opens a host again whose key store lost what it kept.
///
/// Whatever is put back was proven before: the words by the address that the key slot authenticates, the data key by
/// the seal over all slots and by the databases, which it opens. Where any of this fails, nothing is changed. What is
/// put back is written item by item; after a crash in between, the same call does what is left.
public enum HostRecovery {
  /// What was put back.
  public struct Restored: Hashable, Sendable {
    /// The identity of the host; nil where a passphrase or this machine was used, which brings back the data key alone.
    public let address: Address?
    /// What was missing in the key store, or wrong; empty where nothing was.
    public let items: Set<KeyItem>
  }

  /// Puts master key and data key back into the key store.
  ///
  /// - Throws: ``HostError/noPhraseSlot`` where the words open nothing, ``HostError/otherIdentity(here:given:)`` for
  ///   another identity's words, `StorageError` where slots or databases are not as they should be, `KeyringError`
  ///   where the key store cannot be used. Nothing was changed then.
  public static func restoreDataKey(
    from mnemonic: borrowing Mnemonic, folders: HostFolders, settings: HostSettings
  ) throws -> Restored {
    try restoreDataKey(from: mnemonic, folders: folders, settings: settings) {}
  }

  /// - Parameter between: called between the two writes, which a test lets end there.
  static func restoreDataKey(
    from mnemonic: borrowing Mnemonic, folders: HostFolders, settings: HostSettings,
    between: () throws -> Void
  ) throws -> Restored {
    let master = try MasterKey(mnemonic: mnemonic)
    let opened = try HostKeySlots(folders: folders, settings: settings).open(with: .phrase(master))
    let store = HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
    var items = Set<KeyItem>()
    if let kept = try store.load(.masterKey) {
      let address = try MasterKey(entropy: kept).address
      guard address == master.address else {
        throw HostError.otherIdentity(here: address, given: master.address)
      }
    } else {
      items.insert(.masterKey)
    }
    if try isToBeStored(opened, in: store) { items.insert(.dataKey) }

    if items.contains(.dataKey) { try put(opened.key, into: store) }
    try between()
    if items.contains(.masterKey) {
      let isKept = try master.withEntropy { bytes in
        let entropy = SecretBytes(copying: bytes)
        try store.store(entropy, as: .masterKey)
        return try store.load(.masterKey)?.isEqual(to: entropy) == true
      }
      guard isKept else { throw HostError.keyStoreForgets(settings.keyStore.rawValue) }
    }
    return Restored(address: master.address, items: items)
  }

  /// Puts the data key back into the key store. The identity is not what a passphrase can bring back.
  ///
  /// - Throws: ``HostError/wrongPassphrase``, or as ``restoreDataKey(from:folders:settings:)``.
  public static func restoreDataKey(
    withPassphrase passphrase: consuming Passphrase, folders: HostFolders, settings: HostSettings
  ) throws -> Restored {
    try restoreDataKey(with: .passphrase(passphrase), folders: folders, settings: settings)
  }

  /// Puts the data key back into the key store, from the slot of this machine.
  ///
  /// - Throws: ``HostError/noCredentialSlot``, or as ``restoreDataKey(from:folders:settings:)``.
  public static func restoreDataKeyWithCredential(
    folders: HostFolders, settings: HostSettings
  ) throws -> Restored {
    try restoreDataKey(with: .credential(.auto), folders: folders, settings: settings)
  }

  private static func restoreDataKey(
    with secret: borrowing SlotSecret, folders: HostFolders, settings: HostSettings
  ) throws -> Restored {
    let opened = try HostKeySlots(folders: folders, settings: settings).open(with: secret)
    let store = HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
    guard try isToBeStored(opened, in: store) else { return Restored(address: nil, items: []) }
    try put(opened.key, into: store)
    return Restored(address: nil, items: [.dataKey])
  }

  /// Whether the key store lacks the data key, or has one that cannot be right.
  private static func isToBeStored(_ opened: HostKeySlots.Opened, in store: any KeyStore) throws -> Bool {
    guard let kept = try store.load(.dataKey) else { return true }
    if let kept = try? DataKey(kept), kept.isEqual(to: opened.key) { return false }
    guard opened.hasData else { throw HostError.otherDataKey(keyStore: store.kind.rawValue) }
    return true
  }

  private static func put(_ key: DataKey, into store: any KeyStore) throws {
    try key.store(in: store)
    guard let kept = try store.load(.dataKey), try DataKey(kept).isEqual(to: key) else {
      throw HostError.keyStoreForgets(store.kind.rawValue)
    }
  }
}
