import Foundation
import Identity
import Keyring
import SecretMemory

/// The key of the device that this host runs on, in the host's key store. It is made when it is first used, and never
/// leaves.
struct HostDevice: Sendable {
  let folders: HostFolders
  let settings: HostSettings

  /// The key, made if there is none yet.
  /// - Throws: what the key store says, or ``HostError/keyStoreForgets(_:)``.
  func key() async throws -> DeviceKey {
    if let key = try present() { return key }
    // Two at once must not make two of them.
    guard let lock = try await FileLock.waiting(for: folders.initialisationLock, patience: .seconds(10))
    else { throw HostError.initialisationRunning }
    defer { withExtendedLifetime(lock) {} }
    if let key = try present() { return key }
    let key = try DeviceKey.generate()
    let store = store
    try key.withItem { item in try store.store(item, as: .deviceKey) }
    guard let kept = try present(), kept.id == key.id, kept.publicKey == key.publicKey else {
      throw HostError.keyStoreForgets(settings.keyStore.rawValue)
    }
    return key
  }

  /// The key, if it was made already.
  func present() throws -> DeviceKey? {
    guard let item = try store.load(.deviceKey) else { return nil }
    return try DeviceKey(item)
  }

  private var store: any KeyStore {
    HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
  }
}
