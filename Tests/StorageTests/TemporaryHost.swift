import Foundation
import GRDB
import Keyring
import SecretMemory

@testable import Storage

/// A host's folders that go with the test, and one table to write into.
final class TemporaryHost: Sendable {
  let folders: HostFolders
  private let home: URL

  init() throws {
    home = FileManager.default.temporaryDirectory.appending(path: "osaurus-test-\(UUID().uuidString)")
    folders = HostFolders(home: home)
    try folders.create()
  }

  deinit { try? FileManager.default.removeItem(at: home) }

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") {
      try $0.execute(sql: "CREATE TABLE said (id INTEGER PRIMARY KEY, what TEXT)")
    }
    return migrator
  }

  /// A key of known bytes, so that another process can have the same one.
  static func key(_ byte: UInt8) throws -> DataKey {
    try DataKey(
      SecretBytes(count: DataKey.byteCount) { $0.copyBytes(from: Array(repeating: byte, count: $0.count)) })
  }

  static func open(
    _ key: DataKey, _ name: DatabaseName = .chatHistory, in folders: HostFolders,
    migrator: DatabaseMigrator = migrator
  ) throws -> DatabasePool {
    try EncryptedDatabase.open(name, in: folders, key: key, migrator: migrator)
  }

  func open(
    _ key: DataKey, _ name: DatabaseName = .chatHistory, migrator: DatabaseMigrator = migrator
  ) throws -> DatabasePool {
    try Self.open(key, name, in: folders, migrator: migrator)
  }

  func file(_ name: DatabaseName = .chatHistory) -> URL { name.file(in: folders) }

  /// Every file beside a database, by name.
  func files(_ name: DatabaseName = .chatHistory) throws -> [String: [UInt8]] {
    let folder = file(name).deletingLastPathComponent()
    var contents: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      contents[name] = [UInt8](try Data(contentsOf: folder.appending(path: name)))
    }
    return contents
  }

  /// Runs a body on a database of one line, opened under a key, and closes it.
  func withDatabase<R>(
    _ key: DataKey, _ name: DatabaseName = .chatHistory, _ body: (DatabasePool) throws -> R
  ) throws -> R {
    let pool = try open(key, name)
    defer { try? pool.close() }
    return try body(pool)
  }

  func lines(_ key: DataKey) throws -> [String] {
    try withDatabase(key) {
      try $0.read { try String.fetchAll($0, sql: "SELECT what FROM said ORDER BY id") }
    }
  }

  /// Writes a line, and moves it from the log into the file.
  func say(_ what: String, _ key: DataKey) throws {
    try withDatabase(key) { pool in
      try pool.write { try $0.execute(sql: "INSERT INTO said (what) VALUES (?)", arguments: [what]) }
      try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    }
  }
}
