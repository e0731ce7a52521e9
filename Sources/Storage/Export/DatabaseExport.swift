public import Foundation
import GRDB
public import Keyring

/// A database on its way out: a view of it from the moment that this is made, then a plain copy for this process alone.
public final class DatabaseExport {
  public let name: DatabaseName
  private let copy: DatabaseTransfer
  private let scratch: URL
  private let folders: HostFolders

  /// Takes the view. The service may go on writing.
  /// - Parameter scratch: where the copy goes, in a folder of the user's own.
  /// - Throws: ``StorageError``.
  public init(_ name: DatabaseName, in folders: HostFolders, key: DataKey, scratch: URL) throws {
    self.name = name
    self.scratch = scratch
    self.folders = folders
    copy = try EncryptedDatabase.translating(name, in: folders) {
      try DatabaseTransfer(
        from: .encrypted(name.file(in: folders), .init(key.databaseKey(for: name))), to: .scratch(scratch))
    }
  }

  /// The blobs that the history of the view refers to.
  public func blobs() throws -> [BlobName] {
    guard name == .chatHistory else { return [] }
    return try EncryptedDatabase.translating(name, in: folders) {
      guard
        try copy.texts("SELECT name FROM source.sqlite_schema WHERE name = 'attachments'").isEmpty == false
      else { return [] }
      return try copy.texts(
        "SELECT DISTINCT blob FROM source.attachments WHERE blob IS NOT NULL ORDER BY blob"
      )
      .compactMap(BlobName.init(rawValue:))
    }
  }

  /// Copies, and says what came of it.
  /// - Throws: ``StorageError``, or `CancellationError`.
  public func run() throws -> ExportManifest.Database {
    let (migrations, rows) = try EncryptedDatabase.translating(name, in: folders) {
      let hasMigrations =
        try !copy.texts("SELECT name FROM source.sqlite_schema WHERE name = 'grdb_migrations'").isEmpty
      let migrations =
        hasMigrations ? try copy.texts("SELECT identifier FROM source.grdb_migrations ORDER BY rowid") : []
      return (migrations, try copy.run())
    }
    let file = try ScratchFile(opening: scratch)
    var checksum = Checksum()
    while let pages = try file.next() {
      try Task.checkCancellation()
      checksum.update(pages)
    }
    return ExportManifest.Database(
      name: name, bytes: file.bytes, sha256: checksum.finish(), migrations: migrations, rows: rows)
  }

  /// Gives the copy piece by piece.
  public func read() throws -> () throws -> Data? {
    let file = try ScratchFile(opening: scratch)
    return { try file.next() }
  }
}
