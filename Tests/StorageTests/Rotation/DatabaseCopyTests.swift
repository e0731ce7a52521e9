import Foundation
import GRDB
import Keyring
import Synchronization
import Testing

@testable import Storage

@Suite("Databases under another key")
struct DatabaseCopyTests {
  private let host: TemporaryHost
  private let old = DataKey.generate()
  private let new = DataKey.generate()
  private var next: HostFolders { host.folders.nextGeneration }

  init() throws { host = try TemporaryHost() }

  /// Rows with gaps between their numbers, a full-text index, free pages, and something that is only in the log.
  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(
        sql: """
          CREATE TABLE said (row_id INTEGER PRIMARY KEY, what TEXT NOT NULL);
          CREATE INDEX said_what ON said (what);
          CREATE VIRTUAL TABLE said_text USING fts5(what, content='said', content_rowid='row_id');
          CREATE TRIGGER said_ai AFTER INSERT ON said BEGIN
            INSERT INTO said_text (rowid, what) VALUES (new.row_id, new.what);
          END;
          """)
    }
    return migrator
  }

  private func fill(_ name: DatabaseName = .memory, rows: Int = 400) throws -> DatabasePool {
    let pool = try EncryptedDatabase.open(name, in: host.folders, key: old, migrator: Self.migrator)
    try pool.write { database in
      for row in 0..<rows {
        try database.execute(
          sql: "INSERT INTO said (row_id, what) VALUES (?, ?)",
          arguments: [row * 3, "the rose number\(row) " + String(repeating: "x", count: 900)])
      }
      try database.execute(sql: "DELETE FROM said WHERE row_id BETWEEN 300 AND 600")
    }
    try pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    try pool.write { try $0.execute(sql: "INSERT INTO said (row_id, what) VALUES (7777, 'in the log')") }
    return pool
  }

  private func content(_ database: Database) throws -> [String] {
    try String.fetchAll(database, sql: "SELECT row_id || what FROM said ORDER BY row_id")
      + String.fetchAll(
        database, sql: "SELECT rowid FROM said_text WHERE said_text MATCH 'rose' ORDER BY rowid")
      + String.fetchAll(database, sql: "PRAGMA auto_vacuum")
      + String.fetchAll(database, sql: "PRAGMA page_count")
      + String.fetchAll(database, sql: "PRAGMA freelist_count")
      + String.fetchAll(database, sql: "SELECT identifier FROM grdb_migrations")
  }

  @Test(
    "rows, their numbers, indexes, free pages and settings are what they were, also what is only in the log")
  func same() throws {
    let pool = try fill()
    defer { try? pool.close() }
    let copied = Mutex(0)
    try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { bytes in
      copied.withLock { $0 += bytes }
    }
    let before = try pool.read { try content($0) }
    let after = try EncryptedDatabase.read(.memory, in: next, key: new) { database in
      #expect(try DatabaseIntegrity.problems(database).isEmpty)
      return try content(database)
    }
    #expect(after == before)
    #expect(after.contains("7777in the log"))
    #expect(copied.withLock(\.self) == DatabaseName.size(of: DatabaseName.memory.file(in: next)))
    #expect(throws: StorageError.wrongKey(database: "memory/memory.sqlite")) {
      try EncryptedDatabase.read(.memory, in: next, key: old) { _ in }
    }
    let mode = try FileManager.default.attributesOfItem(
      atPath: DatabaseName.memory.file(in: next).path)[.posixPermissions]
    #expect(mode as? Int == 0o600)
    // It goes on as any other.
    let opened = try EncryptedDatabase.open(.memory, in: next, key: new, migrator: Self.migrator)
    #expect(try opened.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
    try opened.write { try $0.execute(sql: "INSERT INTO said (row_id, what) VALUES (8888, 'a new rose')") }
    EncryptedDatabase.close(opened)
  }

  @Test("nothing of the old file is in the new one but its size")
  func nothingInCommon() throws {
    try EncryptedDatabase.close(fill())
    try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { _ in }
    let old = try Data(contentsOf: DatabaseName.memory.file(in: host.folders))
    let new = try Data(contentsOf: DatabaseName.memory.file(in: next))
    #expect(old.count == new.count)
    #expect(stride(from: 0, to: old.count, by: 64).allSatisfy { old[$0..<$0 + 64] != new[$0..<$0 + 64] })
  }

  @Test("what is to be different in the copy is, and the original stays")
  func changed() throws {
    try EncryptedDatabase.close(fill())
    let before = try Data(contentsOf: DatabaseName.memory.file(in: host.folders))
    try DatabaseCopy.make(
      of: .memory, in: host.folders, under: old, at: next, under: new,
      changing: { try $0.execute(sql: "UPDATE said SET what = 'another' WHERE row_id = 3") }, copied: { _ in }
    )
    let now = try EncryptedDatabase.read(.memory, in: next, key: new) {
      try String.fetchOne($0, sql: "SELECT what FROM said WHERE row_id = 3")
    }
    #expect(now == "another")
    #expect(try Data(contentsOf: DatabaseName.memory.file(in: host.folders)) == before)
    #expect(!DatabaseName.memory.hasLog(in: next))
  }

  @Test("a damaged page, whichever it is, is not copied as if it were empty")
  func damagedPage() throws {
    try EncryptedDatabase.close(fill(rows: 40))
    let file = DatabaseName.memory.file(in: host.folders)
    let whole = try Data(contentsOf: file)
    #expect(whole.count / 4096 > 10)
    for page in 0..<whole.count / 4096 {
      var bent = whole
      bent[page * 4096 + 2000] ^= 1
      try bent.write(to: file)
      #expect(throws: StorageError.self, "page \(page + 1)") {
        try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { _ in }
      }
    }
    try whole.write(to: file)
    try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { _ in }
  }

  @Test(
    "a page of another place, of an earlier time or of another file is not copied, nor one that was cut off")
  func foreignPage() throws {
    try EncryptedDatabase.close(fill(rows: 40))
    let file = DatabaseName.memory.file(in: host.folders)
    let whole = try Data(contentsOf: file)
    func page(_ number: Int) -> Range<Int> { (number - 1) * 4096..<number * 4096 }
    func expectRefusal(_ bent: Data, _ what: Comment) throws {
      try bent.write(to: file)
      #expect(throws: StorageError.self, what) {
        try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { _ in }
      }
    }
    var bent = whole
    bent.replaceSubrange(page(5), with: whole[page(6)])
    bent.replaceSubrange(page(6), with: whole[page(5)])
    try expectRefusal(bent, "two pages that changed places")
    bent = whole
    bent.replaceSubrange(page(7), with: Data(count: 4096))
    try expectRefusal(bent, "zeros")
    try expectRefusal(whole.dropLast(4096), "the last page cut off")
    try expectRefusal(whole.dropLast(100), "a part of the last page cut off")
    for offset in [0, 4047, 4048, 4063, 4064, 4095] {
      bent = whole
      bent[page(8).lowerBound + offset] ^= 0x80
      try expectRefusal(bent, "a bit of byte \(offset)")
    }
  }

  @Test("many pages are copied by several threads as they are by one")
  func many() throws {
    let pool = try fill(rows: 6000)
    let before = try pool.read { try content($0) }
    EncryptedDatabase.close(pool)
    try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { _ in }
    let after = try EncryptedDatabase.read(.memory, in: next, key: new) { database in
      #expect(try DatabaseIntegrity.problems(database).isEmpty)
      return try content(database)
    }
    #expect(after == before)
  }

  @Test("copying waits for nobody who goes on reading an older state: it says that the database is busy")
  func held() async throws {
    let pool = try fill()
    defer { try? pool.close() }
    let snapshot = try pool.makeSnapshot()
    _ = try await snapshot.read { try String.fetchOne($0, sql: "SELECT what FROM said LIMIT 1") }
    try await pool.write {
      try $0.execute(sql: "INSERT INTO said (row_id, what) VALUES (9999, 'later')")
    }
    #expect(throws: StorageError.busy(database: "memory/memory.sqlite")) {
      try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { _ in }
    }
    withExtendedLifetime(snapshot) {}
  }

  @Test("copying ends when it is told to, and leaves the original")
  func ended() throws {
    struct Enough: Error {}
    try EncryptedDatabase.close(fill())
    #expect(throws: Enough.self) {
      try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { _ in
        throw Enough()
      }
    }
    #expect(throws: StorageError.wrongKey(database: "memory/memory.sqlite")) {
      try DatabaseCopy.make(of: .memory, in: host.folders, under: new, at: next, under: old) { _ in }
    }
    // What is left of an earlier attempt is in nobody's way.
    try DatabaseCopy.make(of: .memory, in: host.folders, under: old, at: next, under: new) { _ in }
  }

  @Test("an empty database, and one of another schema, are copied as they are")
  func small() throws {
    try EncryptedDatabase.close(
      EncryptedDatabase.open(.methods, in: host.folders, key: old, migrator: DatabaseMigrator()))
    try DatabaseCopy.make(of: .methods, in: host.folders, under: old, at: next, under: new) { _ in }
    #expect(try EncryptedDatabase.check(.methods, in: next, key: new, migrator: nil) == .current)
  }
}
