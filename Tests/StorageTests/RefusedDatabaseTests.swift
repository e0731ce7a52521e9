import Foundation
import GRDB
import Keyring
import Testing

@testable import Storage

@Suite("Databases that do not open")
struct RefusedDatabaseTests {
  private let host: TemporaryHost
  private let doesNotFit = StorageError.wrongKey(database: "chat/history.sqlite")

  init() throws { host = try TemporaryHost() }

  /// What a database and its log hold. (An empty log says nothing, and the index of the log, -shm, is scratch.)
  private func content() throws -> [String: [UInt8]] {
    try host.files().filter { !$0.key.hasSuffix("-shm") && !$0.value.isEmpty }
  }

  /// Expects that opening changes no byte of the database and of its log.
  private func expectRefusal(_ expected: StorageError, under key: DataKey) throws {
    let before = try content()
    for _ in 0..<2 {
      #expect(throws: expected) { _ = try host.open(key) }
      #expect(try content() == before)
    }
  }

  @Test("a wrong key is refused and changes no byte; the right one still opens it")
  func wrongKey() throws {
    let key = DataKey.generate()
    try host.say("hello", key)
    try expectRefusal(doesNotFit, under: .generate())
    #expect(try host.lines(key) == ["hello"])
  }

  @Test("a wrong key touches neither a database nor the log that a killed process left")
  func wrongKeyWithLog() async throws {
    let home = host.folders.data.deletingLastPathComponent().path
    await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String] in
      let pool = try TemporaryHost.open(TemporaryHost.key(1), in: HostFolders(home: URL(filePath: home)))
      try pool.write { try $0.execute(sql: "INSERT INTO said (what) VALUES ('left in the log')") }
      kill(getpid(), SIGKILL)
    }
    let log = try #require(try host.files()["history.sqlite-wal"])
    #expect(!log.isEmpty)
    try expectRefusal(doesNotFit, under: .generate())
    #expect(try host.lines(TemporaryHost.key(1)) == ["left in the log"])
  }

  @Test("one database does not open under the key of another of the same host")
  func otherDatabase() throws {
    let key = DataKey.generate()
    try host.withDatabase(key, .host) { _ in }
    try PrivateFile.makeFolder(host.file().deletingLastPathComponent())
    try FileManager.default.copyItem(at: host.file(.host), to: host.file())
    try expectRefusal(doesNotFit, under: key)
  }

  @Test("what is no encrypted database is refused and kept", arguments: ["text", "plain SQLite", "noise"])
  func foreign(kind: String) throws {
    try PrivateFile.makeFolder(host.file().deletingLastPathComponent())
    switch kind {
    case "plain SQLite":
      let plain = try DatabaseQueue(path: host.file().path)
      try plain.write { try $0.execute(sql: "CREATE TABLE t (a); INSERT INTO t VALUES (1)") }
      try plain.close()
      #expect(try host.files()["history.sqlite"]?.starts(with: Array("SQLite format 3".utf8)) == true)
    case "noise":
      var generator = SystemRandomNumberGenerator()
      try PrivateFile.replace(
        host.file(), with: (0..<8192).map { _ in UInt8.random(in: 0...255, using: &generator) })
    default: try PrivateFile.replace(host.file(), with: Array("Dear diary".utf8))
    }
    try expectRefusal(doesNotFit, under: .generate())
  }

  @Test("a database whose first page was changed is refused", arguments: [0, 15, 16, 100, 4016, 4095])
  func firstPage(offset: Int) throws {
    let key = DataKey.generate()
    try host.say("hello", key)
    var content = try #require(try host.files()["history.sqlite"])
    content[offset] ^= 1
    try PrivateFile.replace(host.file(), with: content)
    try expectRefusal(doesNotFit, under: key)
  }

  @Test("a later page that was changed is found by a check, and nothing of it is read as if it were true")
  func laterPage() throws {
    let key = DataKey.generate()
    let story = String(repeating: "a long story ", count: 2000)
    try host.say(story, key)
    let original = try #require(try host.files()["history.sqlite"])
    let pages = original.count / 4096
    #expect(pages > 8)
    for page in 2...pages {
      var changed = original
      changed[(page - 1) * 4096 + 2000] ^= 1
      try PrivateFile.replace(host.file(), with: changed)
      // SQLCipher blanks the page, and the text may look shorter: nothing of it is believed before its pages are confirmed.
      let lines = try? host.withDatabase(key) { pool in
        try pool.read { database in
          let lines = try String.fetchAll(database, sql: "SELECT what FROM said ORDER BY id")
          try database.confirmPages()
          return lines
        }
      }
      #expect(lines == nil || lines == [story], "page \(page)")
      let damage: [String]
      do {
        damage = try host.withDatabase(key) {
          try $0.read { try String.fetchAll($0, sql: "PRAGMA cipher_integrity_check") }
        }
      } catch {
        // A page that opening reads.
        #expect(error is StorageError && page <= 4, "page \(page)")
        continue
      }
      #expect(damage == ["HMAC verification failed for page \(page)"])
    }
    try PrivateFile.replace(host.file(), with: original)
    #expect(try host.lines(key) == [story])
  }

  @Test("a database of a newer version is refused and not changed")
  func newerSchema() throws {
    let key = DataKey.generate()
    var newer = TemporaryHost.migrator
    newer.registerMigration("2") { try $0.execute(sql: "CREATE TABLE more (x)") }
    try host.open(key, migrator: newer).close()
    try expectRefusal(.newerSchema(database: "chat/history.sqlite"), under: key)
  }

  @Test("a migration that fails leaves the schema of before, and says which database it was")
  func failingMigration() throws {
    let key = DataKey.generate()
    try host.say("hello", key)
    var broken = TemporaryHost.migrator
    broken.registerMigration("2") { try $0.execute(sql: "DROP TABLE said; CREATE TABLE nonsense (") }
    #expect {
      _ = try host.open(key, migrator: broken)
    } throws: { error in
      guard case StorageError.migration(database: "chat/history.sqlite", reason: let reason) = error else {
        return false
      }
      return !reason.isEmpty && !String(describing: error).contains("CREATE")
    }
    #expect(try host.lines(key) == ["hello"])
  }

  @Test("a symbolic link in the place of a database is refused")
  func symbolicLink() throws {
    let key = DataKey.generate()
    try host.withDatabase(key, .host) { _ in }
    try PrivateFile.makeFolder(host.file().deletingLastPathComponent())
    try FileManager.default.createSymbolicLink(at: host.file(), withDestinationURL: host.file(.host))
    let reason = KeyringError.file(path: host.file().path, reason: "is a symbolic link")
    #expect(throws: StorageError.file(reason)) { _ = try host.open(key) }
  }

  @Test("a folder that others may enter is refused")
  func openFolder() throws {
    let folder = host.file().deletingLastPathComponent().path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
    let reason = KeyringError.unsafePermissions(path: folder, mend: "chmod 700 '\(folder)'")
    #expect(throws: StorageError.file(reason)) { _ = try host.open(.generate()) }
  }

  @Test(
    "every refusal is a sentence",
    arguments: [
      StorageError.wrongKey(database: "d"), .keyMissingForExistingData, .malformedKey,
      .newerSchema(database: "d"),
      .notEncrypting, .file(.locked), .database(name: "d", reason: "disk I/O error"),
      .busy(database: "d"), .damaged(database: "d", reason: "r"),
      .fileMissing(database: "d", left: "its log"),
      .migration(database: "d", reason: "r"), .tooManyOpen(limit: 3),
    ])
  func sentence(error: StorageError) {
    #expect(error.description.hasSuffix("."))
    #expect(!error.description.contains("\n"))
  }
}
