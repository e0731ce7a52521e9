public import Foundation
public import Identity
public import Keyring

/// `keyslots.json` of a host. It is replaced as a whole, by one process at a time: whenever the power goes, the old
/// slots are there or the new ones.
public struct KeySlotFile: Sendable {
  /// The largest file, in bytes.
  static let limit = 64 * 1024

  public let file: URL
  private let host: UUID

  public init(folders: HostFolders, host: UUID) {
    file = folders.keySlotsFile
    self.host = host
  }

  /// The slots of this host; nil where it has none.
  /// - Throws: ``StorageError`` where the file is not what this host wrote. It is left as it is.
  public func read() throws(StorageError) -> KeySlots? {
    let json = try keyring { () throws(KeyringError) in try PrivateFile.read(file, limit: Self.limit) }
    guard let json else { return nil }
    let slots = try KeySlots(json: json)
    guard slots.host == host else { throw .slotsOfAnotherHost }
    return slots
  }

  /// Adds a slot for a secret. A passphrase is made to take about half a second, unless `cost` says otherwise.
  /// - Throws: ``StorageError``; nothing was changed then.
  @discardableResult
  public func add(
    _ secret: borrowing SlotSecret, for key: DataKey, at now: Date = Date(), cost: Argon2Parameters? = nil
  ) throws(StorageError) -> KeySlot {
    let slot = try KeySlot(
      key, under: secret, host: host, created: Int64(now.timeIntervalSince1970), cost: cost)
    try change(key) { slots throws(StorageError) in
      guard slots.count < KeySlots.limit else { throw .tooManySlots(limit: KeySlots.limit) }
      if case .phrase = slot.kind {
        for case .phrase in slots.map(\.kind) { throw .phraseSlotExists }
      }
      slots.append(slot)
    }
    return slot
  }

  /// Puts the slot of another identity's words in the place of the one that is there. Where no words open anything, or
  /// these do already, nothing is changed.
  /// - Throws: ``StorageError``; nothing was changed then.
  public func replacePhrase(
    with master: MasterKey, for key: DataKey, at now: Date = Date()
  ) throws(StorageError) {
    guard let address = try read()?.phraseAddress, address != master.address else { return }
    let slot = try KeySlot(
      key, under: .phrase(master), host: host, created: Int64(now.timeIntervalSince1970), cost: nil)
    try change(key) { slots throws(StorageError) in
      slots = slots.map { old in if case .phrase = old.kind { slot } else { old } }
    }
  }

  /// Removes a slot that is not the last one.
  /// - Throws: ``StorageError/lastSlot``, ``StorageError/noSuchSlot(_:)`` or another ``StorageError``; nothing was
  ///   changed then.
  public func remove(_ id: KeySlot.ID, key: DataKey) throws(StorageError) {
    try change(key) { slots throws(StorageError) in
      guard let index = slots.firstIndex(where: { $0.id == id }) else { throw .noSuchSlot(id.uuidString) }
      guard slots.count > 1 else { throw .lastSlot }
      slots.remove(at: index)
    }
  }

  /// Puts one slot in the place of whatever is there, for a host that is only just being made.
  /// - Throws: ``StorageError/file(_:)``.
  package func start(with secret: borrowing SlotSecret, for key: DataKey) throws(StorageError) {
    let slot = try KeySlot(
      key, under: secret, host: host, created: Int64(Date().timeIntervalSince1970), cost: nil)
    let lock = try lock()
    defer { withExtendedLifetime(lock) {} }
    try write([slot], key)
  }

  /// Writes slots that were made around another data key.
  /// - Throws: ``StorageError/file(_:)``.
  package func place(_ slots: KeySlots) throws(StorageError) {
    try keyring { () throws(KeyringError) in try PrivateFile.replace(file, with: slots.json) }
  }

  /// Takes all slots away, for a host that is only just being made.
  /// - Throws: ``StorageError/file(_:)``.
  package func clear() throws(StorageError) {
    let lock = try lock()
    defer { withExtendedLifetime(lock) {} }
    try keyring { () throws(KeyringError) in try PrivateFile.remove(file) }
  }

  /// Changes the list while no other process does, and only a list that is as the holder of the data key left it.
  private func change(
    _ key: DataKey, _ body: (inout [KeySlot]) throws(StorageError) -> Void
  ) throws(StorageError) {
    let lock = try lock()
    defer { withExtendedLifetime(lock) {} }
    let current = try read()
    try current?.check(with: key)
    var slots = current?.slots ?? []
    try body(&slots)
    try write(slots, key)
  }

  private func lock() throws(StorageError) -> FileLock {
    try keyring { () throws(KeyringError) in
      try FileLock(waitingFor: file.appendingPathExtension("lock"))
    }
  }

  private func write(_ slots: [KeySlot], _ key: DataKey) throws(StorageError) {
    let json = KeySlots(host: host, slots: slots, key: key).json
    try keyring { () throws(KeyringError) in try PrivateFile.replace(file, with: json) }
  }

  private func keyring<R>(_ body: () throws(KeyringError) -> R) throws(StorageError) -> R {
    do {
      return try body()
    } catch {
      throw .file(error)
    }
  }
}

extension HostFolders {
  /// The ways to the data key besides the key store.
  public var keySlotsFile: URL { data.appending(path: "keyslots.json") }
}
