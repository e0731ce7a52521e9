public import Foundation
import GRDB
public import Keyring

/// A database on its way in: plain pages from anywhere, then an encrypted database made of what they say.
public final class DatabaseImport {
  private let scratch: URL
  private let file: ScratchFile
  private var rest = Data()

  /// - Parameter scratch: where the pages go, in a folder of the user's own; no other process can read them.
  public init(scratch: URL) throws {
    self.scratch = scratch
    file = try ScratchFile(creating: scratch)
  }

  /// Takes the next bytes of the plain file.
  public func append(_ bytes: Data) throws {
    rest.append(bytes)
    let whole = rest.count / 4096 * 4096
    try file.append(rest.prefix(whole))
    rest = Data(rest.dropFirst(whole))
  }

  /// Makes the database, in folders that have none of the name, and removes the plain pages.
  /// - Returns: how many rows each table has.
  /// - Throws: ``ExportFault/inconsistent(_:reason:)`` where the pages are no database, ``StorageError``, or
  ///   `CancellationError`.
  public func build(_ name: DatabaseName, in folders: HostFolders, key: DataKey) throws -> [String: Int] {
    let part = "databases/\(name.rawValue)"
    guard rest.isEmpty, file.bytes > 0 else {
      throw ExportFault.inconsistent(part, reason: "it has no whole pages")
    }
    let target = name.file(in: folders)
    try PrivateFile.makeFolder(target.deletingLastPathComponent())
    try PrivateFile.createIfMissing(target)
    do {
      let rows = try DatabaseTransfer(
        from: .scratch(scratch), to: .encrypted(target, .init(key.databaseKey(for: name)))
      ).run()
      try FileManager.default.removeItem(at: scratch)
      return rows
    } catch let error as DatabaseError {
      let reason = error.message ?? "it is no database"
      guard error.resultCode != .SQLITE_FULL, error.resultCode != .SQLITE_IOERR else {
        throw ExportFault.file(path: target.path, reason: reason)
      }
      throw ExportFault.inconsistent(part, reason: reason)
    }
  }
}
