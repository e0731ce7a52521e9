public import GRDB

/// What can be said of a database without knowing what it is about. All of it only reads.
public enum DatabaseIntegrity {
  /// The most problems that are named of one database.
  static let limit = 100

  /// What is wrong with its pages, its tables and indexes, and its references; empty where nothing is.
  public static func problems(_ database: Database) throws -> [String] {
    var problems = try damagedPages(database)
    // Walking trees whose pages cannot be read gives an error at the first of them.
    do {
      problems += try String.fetchAll(database, sql: "PRAGMA integrity_check(\(limit))").filter { $0 != "ok" }
      problems += try Row.fetchAll(database, sql: "PRAGMA foreign_key_check").prefix(limit).map { row in
        "a row of \(row["table"] as String? ?? "a table") refers to one of \(row["parent"] as String? ?? "another") that is gone"
      }
    } catch let error as DatabaseError {
      problems.append(error.message ?? "its tables cannot be read")
    }
    return Array(problems.prefix(limit))
  }

  /// The pages that do not have the HMAC that belongs to them.
  ///
  /// SQLCipher reads them from the file without SQLite's locks, so one that is being written just then may look damaged: only
  /// what is damaged each time counts.
  private static func damagedPages(_ database: Database) throws -> [String] {
    var damaged: [String]?
    for _ in 0..<3 {
      let found = try String.fetchAll(database, sql: "PRAGMA cipher_integrity_check")
      let known = damaged.map { $0.filter(Set(found).contains) } ?? found
      if known.isEmpty { return [] }
      damaged = known
    }
    return damaged ?? []
  }

  /// Which migrations it has seen: how many, and the last one's name.
  public static func schema(_ database: Database) throws -> (version: Int, name: String?) {
    guard try database.tableExists("grdb_migrations") else { return (0, nil) }
    let names = try String.fetchAll(database, sql: "SELECT identifier FROM grdb_migrations ORDER BY rowid")
    return (names.count, names.last)
  }
}
