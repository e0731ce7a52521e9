import Foundation
public import Keyring

/// What lies in the data folder under the data key: every database and every sealed file, by its whole path.
public struct StoredFiles: Hashable, Sendable {
  public let databases: [DatabaseName]
  public let blobs: [BlobName]

  /// Looks at what is there, and opens none of it.
  /// - Throws: ``StorageError/file(_:)`` where a folder cannot be read.
  public static func find(in folders: HostFolders) throws(StorageError) -> StoredFiles {
    StoredFiles(
      databases: try DatabaseName.existing(in: folders), blobs: try BlobName.existing(in: folders))
  }

  /// Whether anything was ever written under a data key: a database that holds something, or what is left of one, also
  /// of one that this version does not know.
  /// - Throws: ``StorageError/file(_:)`` where that cannot be told.
  public static func areThere(in folders: HostFolders) throws(StorageError) -> Bool {
    let found = try find(in: folders)
    return !found.blobs.isEmpty || StoredData.first(in: folders) != nil
      || found.databases.contains { $0.hasContent(in: folders) || $0.hasLog(in: folders) }
  }
}
