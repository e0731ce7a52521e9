import CSQLCipher
import CScratch
import Foundation
import GRDB
import GRDBSQLite
import SecretMemory

/// A connection of SQLite's own, for what GRDB does not offer: another file system below it, and a second database
/// beside the first under a key of its own.
final class SQLiteConnection {
  enum Value {
    case text(String)
    case integer(Int64)
  }

  private let handle: OpaquePointer

  /// Makes or opens a database.
  /// - Parameter isScratch: whether it is a scratch file.
  /// - Throws: `DatabaseError`.
  init(path: String, isScratch: Bool) throws {
    let status = scratch_register()
    guard status == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: status)) }
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX
    let code = sqlite3_open_v2(path, &opened, flags, isScratch ? "scratch" : nil)
    guard let opened, code == SQLITE_OK else {
      sqlite3_close_v2(opened)
      throw DatabaseError(resultCode: ResultCode(rawValue: code), message: "cannot make \(path)")
    }
    handle = opened
    sqlite3_extended_result_codes(handle, 1)
    sqlite3_busy_timeout(handle, 5000)
    // A database that is attached has what is the default at that moment.
    _ = try rows("PRAGMA cipher_default_hmac_algorithm = \(EncryptedDatabase.hmacAlgorithm)")
    // Long statements end when the task is cancelled.
    sqlite3_progress_handler(handle, 10_000, { _ in Task.isCancelled ? 1 : 0 }, nil)
  }

  deinit { sqlite3_close_v2(handle) }

  /// Puts a database that is about to be written under a raw key.
  func key(_ key: consuming SecretBytes) throws {
    let literal = EncryptedDatabase.literal(of: key)
    let status = literal.withUnsafeBytes {
      sqlite3_key_v2(UnsafeMutableRawPointer(handle), "main", $0.baseAddress, Int32($0.count))
    }
    guard status == SQLITE_OK else { throw StorageError.notEncrypting }
  }

  /// Opens another database as `source`, to read from.
  /// - Parameter key: nil for a plain one.
  func attach(_ path: String, isScratch: Bool, key: consuming SecretBytes?) throws {
    var allowed = CharacterSet.urlPathAllowed
    allowed.remove(charactersIn: "?#%")
    let name = path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path
    let uri = "file:\(name)?mode=ro&vfs=\(isScratch ? "scratch" : "unix")"
    let statement = try prepare("ATTACH ? AS source KEY ?")
    defer { sqlite3_finalize(statement) }
    bind(.text(uri), to: statement, at: 1)
    if let key {
      let literal = EncryptedDatabase.literal(of: key)
      try literal.withUnsafeBytes { bytes in
        let text = bytes.bindMemory(to: CChar.self).baseAddress
        // Not copied by SQLite, which is done with it after the step.
        sqlite3_bind_text(statement, 2, text, Int32(bytes.count), nil)
        try step(statement) { _ in }
        sqlite3_clear_bindings(statement)
      }
    } else {
      bind(.text(""), to: statement, at: 2)
      try step(statement) { _ in }
    }
  }

  /// Runs one statement.
  /// - Throws: `DatabaseError`, or `CancellationError` where the task was cancelled meanwhile.
  func execute(_ sql: String, _ values: Value...) throws {
    try run(sql, values) { _ in }
  }

  /// The rows of a query, every column as text; nil for NULL.
  func rows(_ sql: String, _ values: Value...) throws -> [[String?]] {
    var rows: [[String?]] = []
    try run(sql, values) { statement in
      rows.append(
        (0..<sqlite3_column_count(statement)).map { column in
          sqlite3_column_text(statement, column).map { String(cString: $0) }
        })
    }
    return rows
  }

  func integer(_ sql: String, _ values: Value...) throws -> Int {
    var found = 0
    try run(sql, values) { found = Int(sqlite3_column_int64($0, 0)) }
    return found
  }

  /// How many rows the last statement wrote.
  var changes: Int { Int(sqlite3_changes64(handle)) }

  private func run(_ sql: String, _ values: [Value], _ row: (OpaquePointer) -> Void) throws {
    let statement = try prepare(sql)
    defer { sqlite3_finalize(statement) }
    for (index, value) in values.enumerated() { bind(value, to: statement, at: Int32(index + 1)) }
    try step(statement, row)
  }

  private func step(_ statement: OpaquePointer, _ row: (OpaquePointer) -> Void) throws {
    while true {
      switch sqlite3_step(statement) {
      case SQLITE_ROW: row(statement)
      case SQLITE_DONE: return
      case let code: throw failure(code)
      }
    }
  }

  /// - Throws: where there is more than one statement, too: a schema from elsewhere may say what it likes.
  private func prepare(_ sql: String) throws -> OpaquePointer {
    var statement: OpaquePointer?
    var rest = 0
    let code = sql.withCString { text in
      var tail: UnsafePointer<CChar>?
      let code = sqlite3_prepare_v2(handle, text, -1, &statement, &tail)
      if let tail { rest = strspn(tail, " \t\r\n;") == strlen(tail) ? 0 : 1 }
      return code
    }
    guard code == SQLITE_OK, let statement, rest == 0 else {
      sqlite3_finalize(statement)
      throw code == SQLITE_OK
        ? DatabaseError(resultCode: .SQLITE_CORRUPT, message: "its schema is none") : failure(code)
    }
    return statement
  }

  private func bind(_ value: Value, to statement: OpaquePointer, at index: Int32) {
    switch value {
    case .integer(let number): sqlite3_bind_int64(statement, index, number)
    case .text(let text):
      // SQLITE_TRANSIENT, which Swift does not import: it is copied at once.
      sqlite3_bind_text(statement, index, text, -1, unsafeBitCast(-1, to: sqlite3_destructor_type.self))
    }
  }

  private func failure(_ code: Int32) -> any Error {
    if code & 0xff == SQLITE_INTERRUPT { return CancellationError() }
    return DatabaseError(
      resultCode: ResultCode(rawValue: code), message: String(cString: sqlite3_errmsg(handle)))
  }
}
