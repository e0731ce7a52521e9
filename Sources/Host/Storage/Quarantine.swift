public import Foundation
import Keyring
public import Storage

#if canImport(Glibc)
  import Glibc
#endif

/// Moves a database that is broken aside, with all that belongs to it, so that the host can make a new one. Nothing is deleted.
public struct Quarantine: Sendable {
  /// The folder below the data folder that takes what was moved.
  static let folder = "quarantine"

  private let storage: HostStorage
  private let folders: HostFolders

  public init(_ storage: HostStorage) {
    self.storage = storage
    folders = storage.folders
  }

  /// What was moved where.
  public struct Moved: Encodable, Hashable, Sendable {
    public let database: String
    /// The folder that it is in now, below the data folder.
    public let folder: String
    /// Paths in it, which are those that they had in the data folder.
    public let files: [String]
  }

  /// The folders of what was moved aside, the oldest first.
  static func existing(in folders: HostFolders) -> [String] {
    let path = folders.data.appending(path: folder).path
    return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted().map {
      "\(folder)/\($0)"
    }
  }

  /// Makes sure that a database is broken, and that nobody has it open; nothing is changed.
  /// - Throws: ``HostError/notBroken(database:)``, ``HostError/nothingToMove(database:)``, ``HostError/dataInUse(folder:)``, or
  ///   the `StorageError` for which moving it would be the wrong answer: a wrong key, a newer version, another process.
  /// - Returns: why it is broken.
  @discardableResult
  public func check(_ name: DatabaseName) throws -> String {
    try withBroken(name) { $0 }
  }

  /// Moves a broken database with its log, the log's index and, for the history, the attachments.
  /// - Throws: as ``check(_:)``, or what the file system says. Whatever was not moved yet still keeps a new
  ///   database from being made; the same call moves the rest.
  public func move(_ name: DatabaseName, now: Date = Date()) throws -> Moved {
    try move(name, now: now) { _ in }
  }

  /// - Parameter before: called before each step; for tests, which stop there.
  func move(_ name: DatabaseName, now: Date, before: (String) throws -> Void) throws -> Moved {
    try withBroken(name) { _ in
      let target = try makeFolder(now)
      // The file first: without it, what is left is no database, and no new one is made.
      var paths = ["", "-wal", "-shm"].map { name.rawValue + $0 }
      if name == .chatHistory { paths.append("chat/blobs") }
      var moved: [String] = []
      for path in paths {
        let source = folders.data.appending(path: path)
        guard FileManager.default.fileExists(atPath: source.path) else { continue }
        try before(path)
        let destination = target.appending(path: path)
        try PrivateFile.makeFolder(destination.deletingLastPathComponent())
        guard rename(source.path, destination.path) == 0 else {
          throw KeyringError.file(path: source.path, reason: String(cString: strerror(errno)))
        }
        moved.append(path)
      }
      return Moved(
        database: name.rawValue, folder: "\(Self.folder)/\(target.lastPathComponent)", files: moved)
    }
  }

  /// Runs `body` with what is wrong with a database, while nobody can open it.
  private func withBroken<R>(_ name: DatabaseName, _ body: (String) throws -> R) throws -> R {
    let lock = try FileLock(waitingFor: folders.databaseLock)
    defer { withExtendedLifetime(lock) {} }
    guard let condition = try HostDatabases.conditions(in: folders, key: storage.key)[name] else {
      throw HostError.nothingToMove(database: name.rawValue)
    }
    switch condition {
    case .success(.missing): throw HostError.nothingToMove(database: name.rawValue)
    case .success(let found):
      // A service may have it open.
      guard let service = try FileLock(tryFor: folders.serviceLock) else {
        throw HostError.dataInUse(folder: folders.data.path)
      }
      defer { withExtendedLifetime(service) {} }
      // An index that does not fit is made anew, and no reason.
      guard let problem = storage.inside(name, isCurrent: found == .current).problems.first else {
        throw HostError.notBroken(database: name.rawValue)
      }
      return try body(problem)
    case .failure(let error):
      guard error.fault == .corrupt else { throw error }
      return try body(error.description)
    }
  }

  private func makeFolder(_ now: Date) throws -> URL {
    let all = folders.data.appending(path: Self.folder)
    try PrivateFile.makeFolder(all)
    let stamp = now.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
    for number in 1... {
      let folder = all.appending(path: number == 1 ? stamp : "\(stamp)-\(number)")
      if mkdir(folder.path, 0o700) == 0 { return folder }
      guard errno == EEXIST else {
        throw KeyringError.file(path: folder.path, reason: String(cString: strerror(errno)))
      }
    }
    preconditionFailure("there is always another number")
  }
}
