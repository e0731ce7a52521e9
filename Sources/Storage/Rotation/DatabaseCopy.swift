import Foundation
public import GRDB
public import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// A database under another key: copied page by page, so that rows, indexes, free pages and settings are what they were.
public enum DatabaseCopy {
  /// How many pages are copied before it is told how many these were.
  private static let pagesAtOnce: CInt = 512
  private static let pageSize = 4096

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
    copied: @escaping (Int) throws -> Void
  ) throws {
    let file = name.file(in: target)
    do {
      try prepare(name, at: target)
      let source = try EncryptedDatabase.readingQueue(name.file(in: folders), name, key)
      let copy = try writingQueue(file, name, new)
      let shape = try copyPages(of: source, to: copy, name, copied)
      try copy.close()
      try source.close()
      if let change {
        let queue = try DatabaseQueue(
          path: file.path, configuration: EncryptedDatabase.configuration(name, new))
        try queue.write(change)
        try queue.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try queue.close()
      }
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

  /// A connection without a journal: a copy that was not finished is thrown away.
  private static func writingQueue(
    _ file: URL, _ name: DatabaseName, _ key: DataKey
  ) throws -> DatabaseQueue {
    let queue = try DatabaseQueue(
      path: file.path, configuration: EncryptedDatabase.configuration(name, key))
    try queue.writeWithoutTransaction {
      try $0.execute(
        sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA secure_delete = OFF")
    }
    return queue
  }

  private static func copyPages(
    of source: DatabaseQueue, to copy: DatabaseQueue, _ name: DatabaseName,
    _ copied: @escaping (Int) throws -> Void
  ) throws -> Shape {
    // All in one view. A page that does not have its HMAC comes as zeros, and only whoever asks next is told.
    try source.read { source in
      let shape = try Shape(source)
      var left: Int?
      var refusal: (any Error)?
      try copy.writeWithoutTransaction { copy in
        try source.backup(to: copy, pagesPerStep: pagesAtOnce) { progress in
          let pages = (left ?? progress.totalPageCount) - progress.remainingPageCount
          left = progress.remainingPageCount
          // What is thrown with the last pages would be passed over.
          do {
            try copied(pages * pageSize)
          } catch {
            refusal = error
            throw error
          }
        }
      }
      if let refusal { throw refusal }
      guard try Shape(source) == shape else { throw StorageError.busy(database: name.rawValue) }
      return shape
    }
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

  /// Reads every page of the copy under its key.
  private static func prove(
    _ name: DatabaseName, at target: HostFolders, under key: DataKey, isLike shape: Shape, isChanged: Bool
  ) throws {
    let queue = try EncryptedDatabase.readingQueue(name.file(in: target), name, key)
    let (found, damaged) = try queue.read {
      (try Shape($0), try String.fetchAll($0, sql: "PRAGMA cipher_integrity_check"))
    }
    try queue.close()
    guard damaged.isEmpty, found.isLike(shape), isChanged || found.pages == shape.pages else {
      throw StorageError.damaged(
        database: name.rawValue, reason: damaged.first ?? "its copy is not like it")
    }
    // Nothing is in the log, and nothing may lie beside the file when it takes its place.
    guard !name.hasLog(in: target) else { throw StorageError.busy(database: name.rawValue) }
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
