import Foundation
public import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// The files of a host under the data key that it changes to, in a data folder of their own (`next/`) until they take the
/// place of those under the old one. Everything here may be done twice.
public struct NextGeneration: Sendable {
  /// What was just done while the files take their place.
  public enum Step: Hashable, Sendable {
    case logRemoved, databaseMoved, blobsSetAside, blobsMoved, slotsMoved
  }

  private let current: HostFolders
  /// The folders of the host, with `next/` as its data.
  public let folders: HostFolders

  public init(of folders: HostFolders) {
    current = folders
    self.folders = folders.nextGeneration
  }

  private var blobs: URL { folders.data.appending(path: BlobName.folder) }
  private var oldBlobs: URL { folders.data.appending(path: "old-blobs") }

  /// Whether there is anything of it.
  public var isThere: Bool { Self.isThere(folders.data) }

  /// Makes its folder, and that of its blobs where there are any now.
  /// - Throws: ``StorageError/file(_:)``.
  public func make() throws(StorageError) {
    try keyring { () throws(KeyringError) in
      try PrivateFile.makeFolder(folders.data)
      if Self.isThere(current.data.appending(path: BlobName.folder)) { try PrivateFile.makeFolder(blobs) }
    }
    PrivateFile.synchronizeFolder(current.data.path)
  }

  /// Whether no blob was sealed for it yet.
  public var hasNoBlobs: Bool {
    (try? FileManager.default.contentsOfDirectory(atPath: blobs.path))?.isEmpty ?? true
  }

  /// Takes all of it away.
  /// - Throws: ``StorageError/file(_:)``.
  public func discard() throws(StorageError) {
    guard isThere else { return }
    try remove(folders.data)
    PrivateFile.synchronizeFolder(current.data.path)
  }

  /// Takes away everything in it: the room that it took is free, and it is still known that it was there.
  /// - Throws: ``StorageError/file(_:)``.
  public func empty() throws(StorageError) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folders.data.path)) ?? [] {
      try remove(folders.data.appending(path: name))
    }
  }

  private func remove(_ file: URL) throws(StorageError) {
    do {
      try FileManager.default.removeItem(at: file)
    } catch {
      throw .file(.file(path: file.path, reason: error.localizedDescription))
    }
  }

  /// The databases that are under a key here and not yet in their place; nil where one is under it in neither.
  /// - Throws: ``StorageError/file(_:)`` where a folder cannot be read.
  public func missing(under key: DataKey) throws(StorageError) -> [DatabaseName]? {
    var missing: [DatabaseName] = []
    let names = Set(try DatabaseName.existing(in: current)).union(try DatabaseName.existing(in: folders))
    for name in names.sorted() {
      if opens(name, current, key) { continue }
      guard opens(name, folders, key) else { return nil }
      missing.append(name)
    }
    return missing
  }

  /// Whether blobs or key slots here are under a key: then they are still to take their place.
  /// - Throws: ``StorageError/file(_:)``.
  public func hasFiles(under key: DataKey) throws(StorageError) -> Bool {
    if let blob = try BlobName.existing(in: folders).first {
      let start = Self.start(of: blob.file(in: folders))
      if start.count == SealedFileHeader.preambleSize, Array(start[8...]) == key.generation.rawValue {
        return true
      }
    }
    let json = try keyring { () throws(KeyringError) in
      try PrivateFile.read(folders.keySlotsFile, limit: KeySlotFile.limit)
    }
    guard let json, let slots = try? KeySlots(json: json) else { return false }
    return (try? slots.check(with: key)) != nil
  }

  private static func start(of file: URL) -> [UInt8] {
    do throws(SealedFileFault) {
      return [UInt8](try OpenFile(reading: file.path).read(SealedFileHeader.preambleSize))
    } catch {
      return []
    }
  }

  private func opens(_ name: DatabaseName, _ folders: HostFolders, _ key: DataKey) -> Bool {
    guard name.hasContent(in: folders) else { return false }
    return (try? EncryptedDatabase.check(name, in: folders, key: key, migrator: nil)) != nil
  }

  /// Puts every file of it in the place of the one under the old key. The slots come last: as long as anything is under the
  /// old key, what opens that is there.
  /// - Throws: ``StorageError/file(_:)``, or what `reached` throws.
  public func takePlace(_ reached: (Step) throws -> Void) throws {
    for name in try DatabaseName.existing(in: folders) where Self.isThere(name.file(in: folders)) {
      // The old log would be read as the new database's.
      for log in name.files(in: current).dropFirst() {
        try keyring { () throws(KeyringError) in try PrivateFile.remove(log) }
      }
      try reached(.logRemoved)
      try move(name.file(in: folders), to: name.file(in: current))
      try reached(.databaseMoved)
    }
    if Self.isThere(blobs) {
      let place = current.data.appending(path: BlobName.folder)
      if Self.isThere(place) { try move(place, to: oldBlobs) }
      try reached(.blobsSetAside)
      try move(blobs, to: place)
      try reached(.blobsMoved)
    }
    if Self.isThere(folders.keySlotsFile) {
      try move(folders.keySlotsFile, to: current.keySlotsFile)
      try reached(.slotsMoved)
    }
  }

  private func move(_ source: URL, to target: URL) throws(StorageError) {
    try keyring { () throws(KeyringError) in
      try PrivateFile.makeFolder(target.deletingLastPathComponent())
      guard rename(source.path, target.path) == 0 else {
        throw .file(path: target.path, reason: String(cString: strerror(errno)))
      }
    }
    for folder in [target, source] { PrivateFile.synchronizeFolder(folder.deletingLastPathComponent().path) }
  }

  private static func isThere(_ file: URL) -> Bool {
    var status = stat()
    return lstat(file.path, &status) == 0
  }

  private func keyring<R>(_ body: () throws(KeyringError) -> R) throws(StorageError) -> R {
    do {
      return try body()
    } catch {
      throw .file(error)
    }
  }
}
