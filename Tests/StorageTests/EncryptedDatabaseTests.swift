import Foundation
import GRDB
import Keyring
import SecretMemory
import Testing

@testable import Storage

@Suite("Encrypted databases")
struct EncryptedDatabaseTests {
  private let host: TemporaryHost

  init() throws { host = try TemporaryHost() }

  @Test("nothing that was written can be read from the files, and only their owner may open them")
  func encrypted() throws {
    let pool = try host.open(.generate())
    for number in 0..<200 {
      try pool.write {
        try $0.execute(
          sql: "INSERT INTO said (what) VALUES (?)", arguments: ["a recognisable sentence \(number)"])
      }
    }
    let files = try host.files()
    #expect(Set(files.keys) == ["history.sqlite", "history.sqlite-wal", "history.sqlite-shm"])
    for (name, content) in files {
      #expect(!content.starts(with: Array("SQLite format 3".utf8)), "\(name)")
      for word in ["recognisable", "said", "CREATE TABLE", "grdb_migrations"] {
        #expect(Data(content).range(of: Data(word.utf8)) == nil, "\(word) in \(name)")
      }
      let path = host.file().deletingLastPathComponent().appending(path: name).path
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600, "\(name)")
    }
    try pool.close()
    #expect(try host.files().values.allSatisfy { Data($0).range(of: Data("recognisable".utf8)) == nil })
  }

  @Test("sorting more than fits opens no temporary file, in the writer and in readers")
  func temporaryFiles() throws {
    let pool = try host.open(.generate())
    defer { try? pool.close() }
    try pool.write { database in
      for _ in 0..<4000 {
        try database.execute(sql: "INSERT INTO said (what) VALUES (hex(randomblob(1000)))")
      }
    }
    func sort(_ database: Database) throws {
      #expect(try Int.fetchOne(database, sql: "PRAGMA temp_store") == 2)
      try database.execute(sql: "PRAGMA cache_size = 10")
      let rows = try Row.fetchCursor(database, sql: "SELECT what FROM said ORDER BY what DESC")
      _ = try rows.next()
      let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
      }
      #expect(open.contains { $0.hasSuffix("history.sqlite-wal") })
      #expect(!open.contains { $0.contains("etilqs") })
    }
    try pool.read { try sort($0) }
    try pool.writeWithoutTransaction { try sort($0) }
  }

  @Test("what was written is there after the database is opened again")
  func durable() throws {
    let key = DataKey.generate()
    try host.say("hello", key)
    try host.say("again", key)
    #expect(try host.lines(key) == ["hello", "again"])
  }

  @Test("two processes' worth of connections share a database")
  func shared() throws {
    let key = DataKey.generate()
    let first = try host.open(key)
    let second = try host.open(key)
    try first.write { try $0.execute(sql: "INSERT INTO said (what) VALUES ('hello')") }
    #expect(try second.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM said") } == 1)
    try first.close()
    try second.close()
  }

  private static var longMigrator: DatabaseMigrator {
    var migrator = TemporaryHost.migrator
    for number in 2...20 {
      migrator.registerMigration("\(number)") { try $0.execute(sql: "CREATE TABLE t\(number) (x)") }
    }
    return migrator
  }

  @Test(
    "whoever opens a database that is not there yet at the same time finds one database, under one schema")
  func openedAtOnce() async throws {
    let host = host
    let key = DataKey.generate()
    let migrator = Self.longMigrator
    try await withThrowingTaskGroup { group in
      for number in 0..<6 {
        group.addTask {
          let pool = try host.open(key, migrator: migrator)
          try await pool.write {
            try $0.execute(sql: "INSERT INTO said (what) VALUES (?)", arguments: ["\(number)"])
          }
          try pool.close()
        }
      }
      try await group.waitForAll()
    }
    let pool = try host.open(key, migrator: migrator)
    let (lines, migrations) = try await pool.read {
      (try Int.fetchOne($0, sql: "SELECT count(*) FROM said"), try migrator.appliedIdentifiers($0).count)
    }
    #expect(lines == 6)
    #expect(migrations == 20)
    try pool.close()
  }

  @Test("nobody else opens a database while it is brought to a schema")
  func lockedWhileMigrating() throws {
    let folders = host.folders
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { _ in
      let lock = try FileLock(tryFor: folders.databaseLock)
      #expect(lock == nil)
    }
    try host.open(.generate(), migrator: migrator).close()
    #expect(try FileLock(tryFor: folders.databaseLock) != nil)
  }

  @Test("what SQLCipher is given is the key in hexadecimal, and nothing else")
  func literal() {
    let key = SecretBytes(count: 4) { $0.copyBytes(from: [0x00, 0x9f, 0xa0, 0xff]) }
    let text = EncryptedDatabase.literal(of: key)
    #expect(text.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } == "x'009fa0ff'")
  }

  @Test("migrations run once each, in order, and the later ones on what is there")
  func migrations() throws {
    let key = DataKey.generate()
    try host.say("hello", key)
    var second = TemporaryHost.migrator
    second.registerMigration("2") {
      try $0.execute(sql: "ALTER TABLE said ADD COLUMN loud INTEGER NOT NULL DEFAULT 0")
    }
    for _ in 0..<2 {
      let pool = try host.open(key, migrator: second)
      #expect(try pool.read { try second.appliedIdentifiers($0) } == ["1", "2"])
      #expect(
        try pool.read { try Row.fetchOne($0, sql: "SELECT what, loud FROM said") } == [
          "what": "hello", "loud": 0,
        ])
      try pool.close()
    }
  }

  @Test(
    "every connection has the settings that the documentation names",
    arguments: [
      ("cipher_page_size", "4096"), ("cipher_use_hmac", "1"), ("cipher_hmac_algorithm", "HMAC_SHA256"),
      ("cipher_plaintext_header_size", "0"), ("journal_mode", "wal"), ("foreign_keys", "1"),
      ("secure_delete", "1"),
      ("temp_store", "2"), ("auto_vacuum", "2"),
    ])
  func settings(name: String, expected: String) throws {
    try host.withDatabase(.generate()) { pool in
      let read = try pool.read { try String.fetchOne($0, sql: "PRAGMA \(name)") }
      let written = try pool.writeWithoutTransaction { try String.fetchOne($0, sql: "PRAGMA \(name)") }
      #expect([read, written] == [expected, expected])
    }
  }

  @Test(
    "a power cut may take the last words of a conversation, and nothing that decides who is let in",
    arguments: [(DatabaseName.chatHistory, 1), (.host, 2)])
  func durability(name: DatabaseName, expected: Int) throws {
    try host.withDatabase(.generate(), name) { pool in
      let level = try pool.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
      #expect(level == expected)
    }
  }

  @Test("the SQLite that is loaded encrypts, and it is the only one")
  func library() throws {
    #expect(try #require(EncryptedDatabase.cipherVersion()).hasPrefix("4."))
    // The kernel gives no size for this file, so it is read to its end.
    let maps = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/maps")).readToEnd()
    let libraries = String(decoding: maps ?? Data(), as: UTF8.self)
    #expect(libraries.contains("libsqlcipher"))
    #expect(!libraries.contains("libsqlite3"))
  }

  @Test("the program that is built needs SQLCipher and no other SQLite")
  func program() throws {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let program = URL(filePath: tests).deletingLastPathComponent().appending(path: "osaurus-host")
    // Where only the tests were built, there is no program to look at; they are linked the same way.
    let binary = FileManager.default.fileExists(atPath: program.path) ? program.path : tests
    let readelf = Process()
    readelf.executableURL = URL(filePath: "/usr/bin/env")
    readelf.arguments = ["readelf", "--dynamic", "--wide", binary]
    let output = Pipe()
    readelf.standardOutput = output
    try readelf.run()
    let sections = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    readelf.waitUntilExit()
    #expect(sections.contains("libsqlcipher.so"))
    #expect(!sections.contains("libsqlite3.so"))
  }
}
