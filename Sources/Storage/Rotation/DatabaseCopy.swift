import Foundation
public import GRDB
public import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// A database under another key: copied page by page, so that rows, indexes, free pages and settings are what they were.
public enum DatabaseCopy {
  /// Copies a database, with what is in its log, into the same place of another data folder, makes the copy outlive a
  /// power cut, and proves that it is whole and opens under its key. Nobody may write into the database meanwhile.
  ///
  /// - Parameters:
  ///   - change: what is different in the copy.
  ///   - copied: told how many bytes were copied since it was last told; what it throws ends the copying.
  /// - Throws: ``StorageError``, or what `copied` throws. The original is as it was; what there is of the copy is of no
  ///   use.
  public static func make(
    of name: DatabaseName, in folders: HostFolders, under key: DataKey, at target: HostFolders,
    under new: DataKey, changing change: ((Database) throws -> Void)? = nil,
    copied: @escaping @Sendable (Int) throws -> Void
  ) throws {
    let file = name.file(in: target)
    do {
      try prepare(name, at: target)
      try emptyLog(of: name, in: folders, key)
      let source = try EncryptedDatabase.readingQueue(name.file(in: folders), name, key)
      let shape = try source.read { database in
        let shape = try Shape(database)
        guard !name.hasLog(in: folders) else { throw StorageError.busy(database: name.rawValue) }
        try PageCopy.write(
          database, pages: shape.pages, of: name, under: key, to: file, under: new, copied: copied)
        guard try Shape(database) == shape else { throw StorageError.busy(database: name.rawValue) }
        return shape
      }
      try source.close()
      if let change { try changeAlone(name, at: target, new) { try $0.write(change) } }
      try synchronize(file)
      try prove(name, at: target, under: new, isLike: shape, isChanged: change != nil)
    } catch let error as DatabaseError {
      throw EncryptedDatabase.fault(error, of: name, in: folders)
    } catch let error as KeyringError {
      throw StorageError.file(error)
    }
  }

  /// Makes an empty file, 0600, before SQLite sees it.
  private static func prepare(_ name: DatabaseName, at target: HostFolders) throws(KeyringError) {
    let file = name.file(in: target)
    try PrivateFile.makeFolder(file.deletingLastPathComponent())
    for file in name.files(in: target) { try PrivateFile.remove(file) }
    try PrivateFile.createIfMissing(file)
  }

  /// Moves what is in the log into the file: pages are copied from there.
  private static func emptyLog(of name: DatabaseName, in folders: HostFolders, _ key: DataKey) throws {
    guard name.hasLog(in: folders) else { return }
    try changeAlone(name, at: folders, key) { _ in }
  }

  /// Runs `body` on a connection that can write, and moves what is in the log into the file.
  private static func changeAlone(
    _ name: DatabaseName, at folders: HostFolders, _ key: DataKey, _ body: (DatabaseQueue) throws -> Void
  ) throws {
    let queue = try DatabaseQueue(
      path: name.file(in: folders).path, configuration: EncryptedDatabase.configuration(name, key))
    try body(queue)
    try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    try queue.close()
  }

  private static func synchronize(_ file: URL) throws(KeyringError) {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .file(path: file.path, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw .file(path: file.path, reason: String(cString: strerror(errno)))
    }
    PrivateFile.synchronizeFolder(file.deletingLastPathComponent().path)
  }

  /// Reads every page of the copy under its key, and has SQLCipher open it.
  private static func prove(
    _ name: DatabaseName, at target: HostFolders, under key: DataKey, isLike shape: Shape, isChanged: Bool
  ) throws {
    // Nothing is in the log, and nothing may lie beside the file when it takes its place.
    guard !name.hasLog(in: target) else { throw StorageError.busy(database: name.rawValue) }
    let file = name.file(in: target)
    try PageCopy.verify(
      file, pages: DatabaseName.size(of: file) / PageCopy.pageSize, of: name,
      under: key)
    let queue = try EncryptedDatabase.readingQueue(file, name, key)
    let found = try queue.read { database in
      let found = try Shape(database)
      try database.confirmPages()
      return found
    }
    try queue.close()
    guard found.isLike(shape), isChanged || found.pages == shape.pages,
      DatabaseName.size(of: file) == found.pages * PageCopy.pageSize
    else {
      throw StorageError.damaged(database: name.rawValue, reason: "its copy is not like it")
    }
    for file in name.files(in: target).dropFirst() { try PrivateFile.remove(file) }
  }

  /// What has to be the same in a copy.
  private struct Shape: Equatable {
    let pages: Int
    let version: Int
    let schema: [String]

    init(_ database: Database) throws {
      pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
      version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
      schema = try String.fetchAll(
        database, sql: "SELECT ifnull(sql, name) FROM sqlite_master ORDER BY rowid")
    }

    func isLike(_ other: Shape) -> Bool { version == other.version && schema == other.schema }
  }
}
