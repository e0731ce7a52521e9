import Foundation
import Keyring
import Storage

#if canImport(Glibc)
  import Glibc
#endif

extension KeyRotation {
  /// How much there is to do.
  public struct Extent: Codable, Hashable, Sendable {
    public let databases: Int
    public let databaseBytes: Int
    public let blobs: Int
    public let blobBytes: Int
    /// The bytes that it takes while it goes on.
    public let neededBytes: Int
    public let freeBytes: Int
    /// What opens the data besides the key store, and will open the new key.
    public let slots: [String]
    /// The folders of what was moved aside, which stays under the old key and does not open after it.
    public let quarantine: [String]
    /// Whether an earlier attempt was interrupted.
    public let isInterrupted: Bool

    public var bytes: Int { databaseBytes + blobBytes }

    /// - Throws: ``HostError/noSpace(needed:free:)``.
    func check() throws {
      guard freeBytes >= neededBytes else {
        throw HostError.noSpace(needed: neededBytes, free: freeBytes)
      }
    }
  }

  /// What a file system may need besides the bytes of files.
  private static let spareBytes = 16 << 20

  /// Looks at what there is. Nothing is opened or changed.
  /// - Throws: `StorageError` where a folder cannot be read.
  public func extent() throws -> Extent {
    let found = try StoredFiles.find(in: folders)
    func size(_ file: URL) -> Int {
      let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
      return attributes?[.size] as? Int ?? 0
    }
    let databaseBytes = found.databases.flatMap { $0.files(in: folders).dropLast() }.reduce(0) {
      $0 + size($1)
    }
    let blobBytes = found.blobs.reduce(0) { $0 + size($1.file(in: folders)) }
    let settings = try HostSettings.load(folders: folders)
    let needed = databaseBytes + blobBytes
    return Extent(
      databases: found.databases.count, databaseBytes: databaseBytes, blobs: found.blobs.count,
      blobBytes: blobBytes, neededBytes: needed + needed / 20 + Self.spareBytes, freeBytes: freeBytes(),
      slots: try HostKeySlots(folders: folders, settings: settings).listed().map(\.kind.name),
      quarantine: Quarantine.existing(in: folders), isInterrupted: next.isThere)
  }

  /// What the file system of the data has left for this user.
  private func freeBytes() -> Int {
    var status = statvfs()
    guard statvfs(folders.data.path, &status) == 0 else { return .max }
    return Int(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
  }
}
