import Identity
import Storage
import Stores
import Synchronization

extension HostServices {
  /// How the identity of this host is.
  /// - Throws: what keeps key store or database from being read.
  public func health() async throws -> HostHealth {
    // The key store may ask a person; the data key, which would prove the list of slots, is not asked for here.
    HostHealth(
      facts: try await identity.facts(), master: master, key: nil, folders: folders, settings: settings)
  }

  /// Brings agents and keys back to this identity, and the slot of its words.
  /// - Parameter isTrial: whether all of it is only to be told.
  func repairIdentity(isTrial: Bool) async throws -> IdentityStore.Repaired {
    guard !rotation.isRunning else { throw HostError.rotationRunning }
    let repaired = try await identity.repair(under: master, isTrial: isTrial)
    guard !isTrial else { return repaired }
    let key = try HostKeyStore.keys(of: settings, folders: folders).1
    try KeySlotFile(folders: folders, host: settings.hostID).replacePhrase(with: master, for: key)
    try await access.refresh()
    return repaired
  }

  /// Refuses every key of this identity's own that was made before.
  func shutOldKeys() async throws -> (floor: Int64, keys: Int) {
    let shut = try await identity.shutOldKeys()
    try await access.refresh()
    return shut
  }

  /// Makes sure that the database is still of the identity that it was opened for: a change may have come between.
  /// - Throws: ``HostError/identityChanged``.
  func confirmIdentity() async throws {
    let now = try await identity.master()
    guard now == identityAtOpen.withLock({ $0 }), try IdentityChange.unfinished(in: folders) == nil else {
      throw HostError.identityChanged
    }
  }
}
