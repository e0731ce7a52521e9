import Foundation
public import Keyring
import Storage

/// Puts what was imported into its place, so that a crash at any moment leaves the host as it was, or with everything.
///
/// All of it is built in one folder. Giving that folder its other name is the moment from which on it counts; whoever
/// opens the host next moves what is in it into its place, database by database, and can be interrupted as often as it likes.
/// A folder that never got the other name is removed.
public struct ImportSwitch: Sendable {
  static let building = "import.partial"
  static let built = "import.ready"

  private let folders: HostFolders

  var lockFile: URL { folders.data.appending(path: "import.lock") }
  var buildingFolder: URL { folders.data.appending(path: Self.building) }
  private var builtFolder: URL { folders.data.appending(path: Self.built) }

  public init(folders: HostFolders) { self.folders = folders }

  /// Whether an import counts that is not in its place yet.
  public var isPending: Bool { FileManager.default.fileExists(atPath: builtFolder.path) }

  /// Does what is left of an import, and removes what is left of one that never counted.
  /// - Throws: `KeyringError`, or `ExportFault`.
  public func finish() throws {
    if isPending {
      let lock = try FileLock(waitingFor: lockFile)
      defer { withExtendedLifetime(lock) {} }
      try carryOut {}
    }
    guard FileManager.default.fileExists(atPath: buildingFolder.path) else { return }
    // One that is at work goes on.
    guard let lock = try FileLock(tryFor: lockFile) else { return }
    defer { withExtendedLifetime(lock) {} }
    try? FileManager.default.removeItem(at: buildingFolder)
  }

  /// From here on the import counts. The lock is held.
  func commit() throws {
    guard rename(buildingFolder.path, builtFolder.path) == 0 else {
      throw ExportFault.file(path: builtFolder.path, reason: String(cString: strerror(errno)))
    }
    PrivateFile.synchronizeFolder(folders.data.path)
  }

  /// Moves everything into its place. The lock is held, and nobody has the databases open.
  /// - Parameter reached: called between any two changes; for tests.
  func carryOut(reached: () throws -> Void) throws {
    let built = HostFolders(home: builtFolder)
    guard FileManager.default.fileExists(atPath: built.data.path) else {
      try? FileManager.default.removeItem(at: builtFolder)
      return
    }
    // Attachments first: a history without them would be one that lost something.
    let stored = try StoredFiles.find(in: built)
    for blob in stored.blobs { try move(blob.file(in: built), to: blob.file(in: folders), reached) }
    for name in stored.databases where FileManager.default.fileExists(atPath: name.file(in: built).path) {
      // What is left of the log of an empty database would be taken for the new one's.
      for file in name.files(in: folders).dropFirst() where FileManager.default.fileExists(atPath: file.path)
      {
        try PrivateFile.remove(file)
        try reached()
      }
      try move(name.file(in: built), to: name.file(in: folders), reached)
    }
    try FileManager.default.removeItem(at: builtFolder)
    PrivateFile.synchronizeFolder(folders.data.path)
    try reached()
  }

  private func move(_ from: URL, to target: URL, _ reached: () throws -> Void) throws {
    let folder = target.deletingLastPathComponent()
    try PrivateFile.makeFolder(folder)
    guard rename(from.path, target.path) == 0 else {
      throw ExportFault.file(path: target.path, reason: String(cString: strerror(errno)))
    }
    PrivateFile.synchronizeFolder(folder.path)
    try reached()
  }
}
