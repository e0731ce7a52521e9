import Foundation
import Identity
import Keyring
import SecretMemory
import Storage

/// The host whose data key is exchanged: where its keys rest, and those that it has now.
struct RotatedHost: Sendable {
  let id: UUID
  let store: any KeyStore
  let key: DataKey
  let master: MasterKey
  private let folders: HostFolders

  /// - Throws: ``HostError/notInitialised`` and the like, ``HostError/keysMissing(keyStore:)``, `KeyringError`.
  init(_ folders: HostFolders) throws {
    let settings = try HostSettings.load(folders: folders)
    self.folders = folders
    id = settings.hostID
    store = HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
    (master, key) = try HostKeyStore.keys(of: settings, folders: folders)
  }

  /// What a rotation that was interrupted before its turning point had begun with.
  func begunRotation() throws -> (key: DataKey, journal: RotationJournal)? {
    guard let (next, journal) = try Self.journal(in: store, of: id), journal.state == .begun,
      journal.old == key.generation
    else { return nil }
    return (next, journal)
  }

  /// Whether the key store says that the new files are good.
  func hasCommitted() throws -> Bool { try Self.journal(in: store, of: id)?.journal.state == .committed }

  /// The next key and the journal that belongs to it; nil where there is none that does.
  static func journal(
    in store: any KeyStore, of host: UUID
  ) throws -> (key: DataKey, journal: RotationJournal)? {
    guard let bytes = try store.load(.keyRotation) else { return nil }
    // After the turning point the next key becomes the data key, and its place is cleared.
    for item in [KeyItem.nextDataKey, .dataKey] {
      guard let key = try key(item, in: store), let journal = RotationJournal(bytes, host: host, under: key)
      else { continue }
      return (key, journal)
    }
    return nil
  }

  /// The data key under a name; nil where there is none, or something else.
  static func key(_ item: KeyItem, in store: any KeyStore) throws -> DataKey? {
    guard let kept = try store.load(item) else { return nil }
    return try? DataKey(kept)
  }

  /// The key slots around another data key; nil where there are none.
  func slots(around new: DataKey) throws -> KeySlots? {
    try KeySlotFile(folders: folders, host: id).read()?.holding(new, insteadOf: key, master: master)
  }
}
