import Foundation
import GRDB
import Keyring
import SecretMemory
import Testing

@testable import Storage

@Suite("Copying databases out of and into the cipher")
struct DatabaseTransferTests {
  private let host: TemporaryHost
  private let key: DataKey

  init() throws {
    host = try TemporaryHost()
    key = try TemporaryHost.key(1)
  }

  private func place(_ name: DatabaseName) -> DatabaseTransfer.Place {
    .encrypted(host.file(name), .init(key.databaseKey(for: name)))
  }

  /// A database with all that may be in one.
  private static let content = """
    CREATE TABLE plain (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, size INTEGER GENERATED ALWAYS AS (length(what)) VIRTUAL);
    INSERT INTO plain (id, what) VALUES (3, 'a tulip'), (7, 'a rose');
    CREATE TABLE "odd ""name" (rowid TEXT, value BLOB) STRICT;
    INSERT INTO "odd ""name" VALUES ('x', x'00ff'), ('y', NULL);
    CREATE TABLE loose (what);
    INSERT INTO loose (rowid, what) VALUES (5, 1.5), (9, 'nine'), (1000000000000, NULL);
    DELETE FROM loose WHERE rowid = 9;
    CREATE TABLE tight (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
    INSERT INTO tight VALUES ('b', 2), ('a', 1);
    CREATE UNIQUE INDEX plain_what ON plain (what) WHERE id > 1;
    CREATE VIEW both AS SELECT what FROM plain UNION SELECT what FROM loose;
    CREATE TRIGGER loud AFTER INSERT ON plain BEGIN INSERT INTO loose (what) VALUES (new.what); END;
    CREATE VIRTUAL TABLE words USING fts5 (what, content = 'loose', content_rowid = 'rowid');
    INSERT INTO words (rowid, what) VALUES (5, 'tulips in spring'), (1000000000000, 'roses');
    PRAGMA user_version = 42;
    """

  private static let questions = [
    "SELECT id, what, size FROM plain", "SELECT * FROM \"odd \"\"name\"", "SELECT rowid, what FROM loose",
    "SELECT * FROM tight", "SELECT * FROM both", "SELECT rowid FROM words WHERE words MATCH 'roses'",
    "SELECT * FROM sqlite_sequence", "PRAGMA user_version",
    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name",
  ]

  private func answers(_ name: DatabaseName) throws -> [[Row]] {
    try EncryptedDatabase.read(name, in: host.folders, key: key) { database in
      try Self.questions.map { try Row.fetchAll(database, sql: $0) }
    }
  }

  @Test(
    "rows, rowids, indexes, triggers and full-text indexes are the same on the other side, and there and back"
  )
  func thereAndBack() throws {
    let agent = DatabaseName.agent(UUID())
    let other = DatabaseName.agent(UUID())
    let pool = try host.open(key, agent)
    try pool.write { try $0.execute(sql: Self.content) }
    EncryptedDatabase.close(pool)

    let scratch = host.folders.data.appending(path: "scratch")
    let counts = try DatabaseTransfer(from: place(agent), to: .scratch(scratch)).run()
    #expect(counts["plain"] == 2 && counts["loose"] == 2 && counts["tight"] == 2 && counts["odd \"name"] == 2)
    #expect(counts["grdb_migrations"] == 1)
    // Nothing of it is plain on disk.
    let sealed = try Data(contentsOf: scratch)
    #expect(
      sealed.firstRange(of: Data("tulip".utf8)) == nil
        && sealed.firstRange(of: Data("SQLite format".utf8)) == nil)

    let file = try ScratchFile(opening: scratch)
    var plain = Data()
    while let pages = try file.next() { plain.append(pages) }
    #expect(plain.starts(with: Data("SQLite format 3\0".utf8)) && plain.count == file.bytes)

    let copied = host.folders.data.appending(path: "copied")
    let target = try ScratchFile(creating: copied)
    try target.append(plain)
    try PrivateFile.makeFolder(host.file(other).deletingLastPathComponent())
    let again = try DatabaseTransfer(from: .scratch(copied), to: place(other)).run()
    #expect(again == counts)
    #expect(try answers(other) == answers(agent))
    let problems = try EncryptedDatabase.read(other, in: host.folders, key: key) {
      try DatabaseIntegrity.problems($0)
    }
    #expect(problems.isEmpty)
  }

  @Test("a plain copy opens in another program")
  func sqlite3() throws {
    let agent = DatabaseName.agent(UUID())
    let pool = try host.open(key, agent)
    try pool.write { try $0.execute(sql: Self.content) }
    EncryptedDatabase.close(pool)
    let export = try DatabaseExport(
      agent, in: host.folders, key: key, scratch: host.folders.data.appending(path: "scratch"))
    let found = try export.run()
    let file = host.folders.data.appending(path: "plain.sqlite")
    let next = try export.read()
    var plain = Data()
    while let piece = try next() { plain.append(piece) }
    try plain.write(to: file)
    #expect(found.bytes == plain.count && found.sha256 == Checksum.of(plain) && found.migrations == ["1"])
    let program = Process()
    let output = Pipe()
    program.executableURL = URL(filePath: "/usr/bin/sqlite3")
    program.arguments = [
      file.path,
      "PRAGMA integrity_check; SELECT group_concat(what) FROM plain; SELECT count(*) FROM words WHERE words MATCH 'tulips'",
    ]
    program.standardOutput = output
    try program.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    program.waitUntilExit()
    #expect(String(decoding: said, as: UTF8.self) == "ok\na tulip,a rose\n1\n")
  }

  @Test("what is written after the view was taken is not in the copy")
  func view() throws {
    let pool = try host.open(key)
    try pool.write { try $0.execute(sql: "INSERT INTO said (what) VALUES ('before')") }
    let copy = try DatabaseTransfer(
      from: place(.chatHistory), to: .scratch(host.folders.data.appending(path: "scratch")))
    try pool.write { try $0.execute(sql: "INSERT INTO said (what) VALUES ('after')") }
    #expect(try copy.run()["said"] == 1)
    #expect(try pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM said") } == 2)
    EncryptedDatabase.close(pool)
  }

  @Test("a schema that does something else is refused")
  func hostileSchema() throws {
    for statement in [
      "CREATE TABLE said (id); ATTACH 'elsewhere' AS more", "DELETE FROM said",
      "CREATE VIEW said AS SELECT 1",
      "ATTACH 'elsewhere' AS more",
    ] {
      let file = host.folders.data.appending(path: UUID().uuidString)
      let queue = try DatabaseQueue(path: file.path)
      try queue.writeWithoutTransaction { database in
        try database.execute(sql: "CREATE TABLE said (id); PRAGMA writable_schema = ON")
        try database.execute(
          sql: "UPDATE sqlite_schema SET sql = ? WHERE name = 'said'", arguments: [statement])
      }
      try queue.close()
      let scratch = host.folders.data.appending(path: UUID().uuidString)
      try ScratchFile(creating: scratch).append(try Data(contentsOf: file))
      let target = DatabaseName.agent(UUID())
      try PrivateFile.makeFolder(host.file(target).deletingLastPathComponent())
      #expect(throws: (any Error).self, "\(statement)") {
        _ = try DatabaseTransfer(from: .scratch(scratch), to: place(target)).run()
      }
      #expect(!FileManager.default.fileExists(atPath: "elsewhere"))
    }
  }

  @Test("a scratch file that was changed or made by another process does not open")
  func bentScratch() throws {
    let scratch = host.folders.data.appending(path: "scratch")
    try ScratchFile(creating: scratch).append(Data(count: 3 * 4096))
    let file = try ScratchFile(opening: scratch)
    #expect(try file.next() == Data(count: 3 * 4096))
    var bytes = try Data(contentsOf: scratch)
    // Two pages that changed places.
    let record = bytes.count / 3
    bytes = bytes.prefix(record) + bytes.suffix(record) + bytes[record..<(2 * record)]
    try bytes.write(to: scratch)
    #expect(throws: ExportFault.self) { _ = try ScratchFile(opening: scratch).next() }
  }
}
