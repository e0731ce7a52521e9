import Foundation
import Keyring
import Synchronization

/// That this process has open what is stored. Several may; whoever exchanges the data key has it alone.
public final class DataUse: Sendable {
  private let folders: HostFolders
  private let lock: Mutex<FileLock?>

  private init(_ folders: HostFolders, _ lock: FileLock) {
    self.folders = folders
    self.lock = Mutex(lock)
  }

  /// - Throws: ``HostError/rotationRunning`` while somebody has it alone.
  static func shared(_ folders: HostFolders) throws -> DataUse {
    try PrivateFile.makeFolder(folders.data)
    guard let lock = try FileLock(trySharing: folders.dataUseLock) else { throw HostError.rotationRunning }
    return DataUse(folders, lock)
  }

  /// The same, as soon as nobody has it alone, and once an exchange of the data key that was interrupted is at its end.
  /// - Throws: ``HostError/rotationRunning`` where somebody still has after `patience`, and what keeps the exchange from
  ///   its end.
  static func begin(_ folders: HostFolders, patience: Duration = .seconds(10)) async throws -> DataUse {
    let deadline = ContinuousClock.now + patience
    while true {
      do {
        let isKnown = try KeyRotation(folders: folders).finish()
        let use = try shared(folders)
        // Whoever was at it may have been killed just now.
        if try !isKnown || !KeyRotation(folders: folders).isInterrupted { return use }
      } catch HostError.rotationRunning {
        guard ContinuousClock.now < deadline else { throw HostError.rotationRunning }
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// - Throws: ``HostError/othersAtWork`` while anybody else has a share.
  static func alone(_ folders: HostFolders) throws -> DataUse {
    guard let lock = try FileLock(tryFor: folders.dataUseLock) else { throw HostError.othersAtWork }
    return DataUse(folders, lock)
  }

  /// Has it alone, at once.
  /// - Throws: ``HostError/othersAtWork`` while anybody else has a share; the share is had again then.
  func takeAlone() throws {
    lock.withLock { $0 = nil }
    guard let alone = try FileLock(tryFor: folders.dataUseLock) else {
      try share()
      throw HostError.othersAtWork
    }
    lock.withLock { $0 = alone }
  }

  /// Has it alone, as soon as nobody else has a share.
  /// - Throws: ``HostError/othersAtWork`` where somebody still has after `patience`; the share is had again then.
  func takeAlone(patience: Duration) async throws {
    let deadline = ContinuousClock.now + patience
    // Only who serves the data may ask for it alone, so nobody takes it in between.
    lock.withLock { $0 = nil }
    do {
      while true {
        if let alone = try FileLock(tryFor: folders.dataUseLock) { return lock.withLock { $0 = alone } }
        guard ContinuousClock.now < deadline else { throw HostError.othersAtWork }
        try await Task.sleep(for: .milliseconds(20))
      }
    } catch {
      try? share()
      throw error
    }
  }

  /// Ends it.
  func end() { lock.withLock { $0 = nil } }

  /// Shares it with others.
  func share() throws {
    lock.withLock { $0 = nil }
    let shared = try FileLock(trySharing: folders.dataUseLock)
    lock.withLock { $0 = shared }
  }
}
