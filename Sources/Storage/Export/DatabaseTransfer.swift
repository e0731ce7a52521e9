import Foundation
import GRDB
import SecretMemory

/// Copies a database, encrypted or plain, into a new one that is the other: every table row by row under the same
/// rowids, so that full-text indexes and vectors still mean the same rows; every index, view and trigger.
///
/// Statistics are left out: they are no content. Names and statements of the source's schema may come from elsewhere.
final class DatabaseTransfer {
  /// Where a database is, and how it is kept there.
  enum Place {
    /// A scratch file: plain to this process alone.
    case scratch(URL)
    /// An encrypted database.
    case encrypted(URL, SecretBytesBox)
  }

  /// A key that can be in an enumeration.
  final class SecretBytesBox: Sendable {
    private let bytes: SecretBytes
    init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    var copy: SecretBytes { bytes.copy() }
  }

  private let connection: SQLiteConnection

  /// Makes the new database, and takes the view of the old one that is copied: what is written to it from now on is not
  /// seen.
  /// - Throws: `DatabaseError`, or ``StorageError``.
  init(from source: Place, to target: Place) throws {
    switch target {
    case .scratch(let file): connection = try SQLiteConnection(path: file.path, isScratch: true)
    case .encrypted(let file, let key):
      connection = try SQLiteConnection(path: file.path, isScratch: false)
      try connection.key(key.copy)
    }
    for pragma in [
      "temp_store = MEMORY", "page_size = 4096", "journal_mode = OFF", "synchronous = OFF",
      "foreign_keys = OFF", "trusted_schema = OFF", "cell_size_check = ON",
    ] { _ = try connection.rows("PRAGMA \(pragma)") }
    if case .encrypted = target {
      _ = try connection.rows("PRAGMA secure_delete = ON")
      _ = try connection.rows("PRAGMA auto_vacuum = INCREMENTAL")
    }
    switch source {
    case .scratch(let file): try connection.attach(file.path, isScratch: true, key: nil)
    case .encrypted(let file, let key): try connection.attach(file.path, isScratch: false, key: key.copy)
    }
    try connection.execute("BEGIN")
    _ = try connection.integer("SELECT count(*) FROM source.sqlite_schema")
  }

  /// The texts of one column of the view, in order.
  func texts(_ sql: String) throws -> [String] { try connection.rows(sql).compactMap { $0.first ?? nil } }

  /// Copies.
  /// - Returns: how many rows each table has.
  /// - Throws: `DatabaseError`, or `CancellationError`.
  func run() throws -> [String: Int] {
    let schema = try connection.rows(
      "SELECT type, name, sql, rootpage FROM source.sqlite_schema ORDER BY rowid"
    ).compactMap(Entry.init)
    for entry in schema where entry.isTable {
      try entry.require(["CREATE TABLE"])
      try connection.execute(entry.sql)
    }
    var counts: [String: Int] = [:]
    for entry in schema where entry.isTable { counts[entry.name] = try copyRows(of: entry.name) }
    if try connection.integer(
      "SELECT count(*) FROM source.sqlite_schema AS s JOIN main.sqlite_schema AS m USING (name) WHERE name = 'sqlite_sequence'"
    ) > 0 {
      try connection.execute("DELETE FROM main.sqlite_sequence")
      try connection.execute(
        "INSERT INTO main.sqlite_sequence (rowid, name, seq) SELECT rowid, name, seq FROM source.sqlite_sequence"
      )
    }
    for entry in schema where entry.type == "index" {
      try entry.require(["CREATE INDEX", "CREATE UNIQUE INDEX"])
      try connection.execute(entry.sql)
    }
    // Virtual tables have their tables already; making them would make these anew.
    _ = try connection.rows("PRAGMA writable_schema = ON")
    try connection.execute(
      """
      INSERT INTO main.sqlite_schema (type, name, tbl_name, rootpage, sql)
        SELECT type, name, tbl_name, 0, sql FROM source.sqlite_schema
        WHERE type IN ('view', 'trigger') OR (type = 'table' AND rootpage = 0) ORDER BY rowid
      """)
    for number in ["user_version", "application_id"] {
      let value = try connection.integer("PRAGMA source.\(number)")
      _ = try connection.rows("PRAGMA main.\(number) = \(value)")
    }
    try connection.execute("COMMIT")
    return counts
  }

  private func copyRows(of table: String) throws -> Int {
    let columns = try connection.rows(
      "SELECT name, hidden FROM pragma_table_xinfo(?, 'source')", .text(table))
    let names = columns.compactMap { $0[0] }
    // Those that are computed from others have a number there.
    let kept = columns.filter { $0[1] == "0" }.compactMap { $0[0] }.map(Self.quoted)
    let hasRowID =
      try connection.integer(
        "SELECT count(*) FROM pragma_table_list WHERE schema = 'source' AND name = ? AND wr = 0", .text(table)
      ) > 0
    // A column may have taken the name.
    let rowID =
      hasRowID
      ? ["rowid", "_rowid_", "oid"].first { alias in !names.contains { $0.lowercased() == alias } } : nil
    let list = ((rowID.map { [$0] } ?? []) + kept).joined(separator: ", ")
    try connection.execute(
      "INSERT INTO main.\(Self.quoted(table)) (\(list)) SELECT \(list) FROM source.\(Self.quoted(table))")
    return connection.changes
  }

  private static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }

  /// A line of the schema.
  private struct Entry {
    let type: String
    let name: String
    let sql: String
    private let hasPages: Bool

    /// Nil for what SQLite makes by itself.
    init?(_ row: [String?]) {
      guard row.count == 4, let type = row[0], let name = row[1], let sql = row[2],
        !name.lowercased().hasPrefix("sqlite_")
      else { return nil }
      self.type = type
      self.name = name
      self.sql = sql
      hasPages = row[3].flatMap { Int($0) } ?? 0 > 0
    }

    var isTable: Bool { type == "table" && hasPages }

    /// Refuses a statement that does something else.
    func require(_ beginnings: [String]) throws {
      let text = sql.uppercased()
      guard beginnings.contains(where: { text.hasPrefix($0 + " ") }) else {
        throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "its schema is none")
      }
    }
  }
}
