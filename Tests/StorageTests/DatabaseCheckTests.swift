import Foundation
import GRDB
import Keyring
import Testing

@testable import Storage

@Suite("A look at a database")
struct DatabaseCheckTests {
  private let host: TemporaryHost
  private let key = DataKey.generate()

  init() throws { host = try TemporaryHost() }

  private func check(
    _ key: DataKey, migrator: DatabaseMigrator = TemporaryHost.migrator
  ) throws(StorageError) -> EncryptedDatabase.Condition {
    try EncryptedDatabase.check(.chatHistory, in: host.folders, key: key, migrator: migrator)
  }

  private func newer() -> DatabaseMigrator {
    var newer = TemporaryHost.migrator
    newer.registerMigration("2") { try $0.execute(sql: "CREATE TABLE more (x)") }
    return newer
  }

  /// What a database and its log hold.
  private func content() throws -> [String: [UInt8]] {
    try host.files().filter { !$0.key.hasSuffix("-shm") && !$0.value.isEmpty }
  }

  @Test("where there is none, it says so and makes none")
  func missing() throws {
    #expect(try check(key) == .missing)
    #expect(try FileManager.default.contentsOfDirectory(atPath: host.folders.data.path).isEmpty)
    try PrivateFile.makeFolder(host.file().deletingLastPathComponent())
    try PrivateFile.createIfMissing(host.file())
    #expect(try check(key) == .missing)
    #expect(try content().isEmpty)
  }

  @Test("one that opens is left as it is, an older schema as well")
  func changesNothing() throws {
    try host.say("hello", key)
    let before = try content()
    #expect(try check(key) == .current)
    #expect(try check(key, migrator: newer()) == .outdated)
    #expect(try content() == before)
    #expect(try host.lines(key) == ["hello"])
  }

  @Test("what a killed process left in the log stays there")
  func log() async throws {
    let home = host.folders.data.deletingLastPathComponent().path
    await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String] in
      let pool = try TemporaryHost.open(TemporaryHost.key(1), in: HostFolders(home: URL(filePath: home)))
      try pool.write { try $0.execute(sql: "INSERT INTO said (what) VALUES ('left in the log')") }
      kill(getpid(), SIGKILL)
    }
    let before = try content()
    #expect(before["history.sqlite-wal"] != nil)
    #expect(try check(TemporaryHost.key(1)) == .current)
    #expect(try content() == before)
    #expect(try host.lines(TemporaryHost.key(1)) == ["left in the log"])
  }

  @Test("one that is in use is looked at, and its user goes on")
  func inUse() throws {
    try host.withDatabase(key) { pool in
      try pool.write { database in
        try database.execute(sql: "INSERT INTO said (what) VALUES ('one')")
        #expect(try check(key) == .current)
        try database.execute(sql: "INSERT INTO said (what) VALUES ('two')")
      }
    }
    #expect(try host.lines(key) == ["one", "two"])
  }

  @Test("a wrong key, a newer schema and a link are refused as opening refuses them")
  func refusals() throws {
    try host.open(key, migrator: newer()).close()
    let before = try content()
    #expect(throws: StorageError.wrongKey(database: "chat/history.sqlite")) { _ = try check(.generate()) }
    #expect(throws: StorageError.newerSchema(database: "chat/history.sqlite")) { _ = try check(key) }
    #expect(try content() == before)
    try FileManager.default.removeItem(at: host.file())
    try FileManager.default.createSymbolicLink(at: host.file(), withDestinationURL: host.file(.host))
    let reason = KeyringError.file(path: host.file().path, reason: "is a symbolic link")
    #expect(throws: StorageError.file(reason)) { _ = try check(key) }
  }
}
