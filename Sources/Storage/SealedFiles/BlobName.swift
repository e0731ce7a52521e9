public import Foundation
import Identity
public import Keyring

/// The name of an attachment: a keyed hash of its content, so that the same content is kept once, and whoever does not
/// have the data key cannot tell whether a file that he knows is among them.
public struct BlobName: Hashable, Sendable {
  static let folder = "chat/blobs"
  static let byteCount = 32

  /// HMAC-SHA256 of the content under a key that derives from the data key.
  let hash: [UInt8]

  init(hash: [UInt8]) {
    precondition(hash.count == Self.byteCount)
    self.hash = hash
  }

  /// The path below the data folder.
  public var path: String { "\(Self.folder)/\(rawValue).osec" }

  /// Where its file is.
  public func file(in folders: HostFolders) -> URL { folders.data.appending(path: path) }

  /// The blobs that are on disk, in the order of their names.
  /// - Throws: ``StorageError/file(_:)`` where the folder cannot be read.
  static func existing(in folders: HostFolders) throws(StorageError) -> [BlobName] {
    try DataFolder.entries(of: folder, in: folders).compactMap { entry in
      entry.hasSuffix(".osec") ? BlobName(rawValue: String(entry.dropLast(5))) : nil
    }.sorted { $0.rawValue < $1.rawValue }
  }
}

extension BlobName: RawRepresentable {
  /// Takes 64 lowercase hexadecimal digits.
  public init?(rawValue: String) {
    guard rawValue.utf8.count == 2 * Self.byteCount, let hash = Hex.decode(rawValue),
      Hex.string(hash) == rawValue
    else { return nil }
    self.hash = hash
  }

  public var rawValue: String { Hex.string(hash) }
}
