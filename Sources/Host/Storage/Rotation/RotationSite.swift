import Keyring
import Storage
import Synchronization

/// Who has what is stored open while its key is exchanged.
protocol RotationSite: Sendable {
  /// Lets nobody write any more, in this process or another one.
  func holdWriters() async throws
  /// Lets nobody read any more, and closes everything.
  func close() async throws
  /// Opens what was closed under a key, and lets everybody go on.
  func goOn(under key: DataKey) async throws
  /// Lets everybody go on to hear that nothing can be had until the next start.
  func shut(_ reason: StorageError) async
}

/// Nobody: no service runs, and no other command can have anything open.
struct StoppedData: RotationSite {
  let use: DataUse

  func holdWriters() {}
  func close() {}
  func goOn(under key: DataKey) {}
  func shut(_ reason: StorageError) {}
}

/// A service, which goes on while its key is exchanged.
final class ServedData: RotationSite {
  /// How long to wait for those who are at work.
  private static let patience = Duration.seconds(60)

  private let folders: HostFolders
  private let databases: HostDatabases
  private let use: DataUse
  private let isClosed = Mutex(false)

  init(folders: HostFolders, databases: HostDatabases, use: DataUse) {
    self.folders = folders
    self.databases = databases
    self.use = use
  }

  func holdWriters() async throws {
    try await databases.gate.hold(.writing, patience: Self.patience)
    try await use.takeAlone(patience: Self.patience)
  }

  func close() async throws {
    try await databases.gate.hold(.reading, patience: Self.patience)
    isClosed.withLock { $0 = true }
    databases.close()
    await databases.cabinet.closeAll()
  }

  func goOn(under key: DataKey) async throws {
    if isClosed.withLock({ $0 }) {
      try databases.reopen(in: folders, key: key)
      await databases.cabinet.exchange(for: key)
    }
    isClosed.withLock { $0 = false }
    try use.share()
    databases.gate.release()
  }

  func shut(_ reason: StorageError) {
    databases.shut(reason)
    databases.gate.release()
  }
}
