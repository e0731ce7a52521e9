import Foundation
import Keyring
import Storage

extension KeyRotation {
  /// Whether a rotation was interrupted, and nobody is at it.
  var isInterrupted: Bool {
    get throws { try next.isThere && FileLock(tryFor: folders.serviceLock) != nil }
  }

  /// Brings a rotation that was interrupted to its end, forwards or backwards. Where none was, nothing is looked at but
  /// whether there is a folder.
  /// - Returns: whether that is known; else it was left as it is.
  /// - Throws: ``HostError/rotationRunning`` while somebody has open what would be moved, and what keeps the key store from
  ///   being read or the files from being moved.
  @discardableResult
  public func finish() throws -> Bool {
    guard next.isThere, let service = try FileLock(tryFor: folders.serviceLock) else { return true }
    defer { withExtendedLifetime(service) {} }
    guard next.isThere else { return true }
    guard let file = try HostSettingsFile.read(folders), file.isComplete else { return false }
    let store = HostKeyStore.open(file.keystore, hostID: file.hostID, folders: folders)
    switch try decision() {
    case .back: try takeAway(store)
    case .forward(let key):
      guard let use = try FileLock(tryFor: folders.dataUseLock) else { throw HostError.rotationRunning }
      defer { withExtendedLifetime(use) {} }
      try takePlace(of: key, store)
    case .unknown: return false
    }
    return true
  }

  /// Which way a rotation that was interrupted is to go.
  enum Decision {
    case back
    case forward(DataKey)
    /// The keys that are there open neither what is in its place nor what would take it.
    case unknown
  }

  /// What the journal says. Where there is none that belongs to the keys, the files themselves do: nobody can have written
  /// into any of them since they were made.
  func decision() throws -> Decision {
    guard let file = try HostSettingsFile.read(folders) else { return .unknown }
    let store = HostKeyStore.open(file.keystore, hostID: file.hostID, folders: folders)
    if let (key, journal) = try RotatedHost.journal(in: store, of: file.hostID) {
      return journal.state == .committed ? .forward(key) : .back
    }
    let keys = try [KeyItem.dataKey, .nextDataKey].compactMap { try RotatedHost.key($0, in: store) }
    for (index, key) in keys.enumerated() {
      guard let missing = try next.missing(under: key) else { continue }
      let isWhole = try missing.isEmpty && !next.hasFiles(under: key)
      return index == 0 && isWhole ? .back : .forward(key)
    }
    return .unknown
  }

  /// Puts the files of the new key into their place, and the key into its.
  func takePlace(of key: DataKey, _ store: any KeyStore) throws {
    try next.takePlace { try reached(.placing($0)) }
    try reached(.placed)
    try settle(under: key, store)
  }

  /// Ends a rotation whose files are in their place, once every database is proven to open there.
  func settle(under key: DataKey, _ store: any KeyStore) throws {
    for name in try DatabaseName.existing(in: folders) {
      _ = try EncryptedDatabase.check(name, in: folders, key: key, migrator: nil)
    }
    let kept = try RotatedHost.key(.dataKey, in: store)
    if kept?.isEqual(to: key) != true {
      try key.store(in: store)
      guard let kept = try store.load(.dataKey), try DataKey(kept).isEqual(to: key) else {
        throw HostError.keyStoreForgets(store.kind.rawValue)
      }
    }
    try reached(.keyReplaced)
    try store.remove(.nextDataKey)
    try reached(.nextKeyRemoved)
    try store.remove(.keyRotation)
    try reached(.journalRemoved)
    try next.discard()
    try reached(.folderRemoved)
  }

  /// Takes away what was made for a rotation that is not to be. The files first: a disk that they filled up has no room for
  /// the key store to change. Then the journal: without it, and with every file under the data key, nothing else is done by
  /// anybody.
  func takeAway(_ store: any KeyStore) throws {
    try next.empty()
    try reached(.filesTaken)
    let names = try store.names()
    if names.contains(KeyItem.keyRotation.name) { try store.remove(.keyRotation) }
    try reached(.journalTaken)
    if names.contains(KeyItem.nextDataKey.name) { try store.remove(.nextDataKey) }
    try reached(.nextKeyTaken)
    try next.discard()
  }
}
