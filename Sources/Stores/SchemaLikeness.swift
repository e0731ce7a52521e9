public import GRDB

/// Whether a database from elsewhere has the schema that this version would have given it: no trigger, view or column
/// more.
public enum SchemaLikeness {
  /// Compares with a database that saw the same migrations just now.
  public static func fits(_ database: Database, _ migrator: DatabaseMigrator) throws -> Bool {
    let sample = try DatabaseQueue()
    if let last = try migrator.appliedMigrations(database).last { try migrator.migrate(sample, upTo: last) }
    let expected = try sample.read { try schema($0) }
    return try schema(database) == expected
  }

  /// What makes things. How migrations are kept is the library's own affair.
  private static func schema(_ database: Database) throws -> [[String?]] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT type, name, tbl_name, sql FROM sqlite_schema
          WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name <> 'grdb_migrations' ORDER BY type, name
        """
    ).map { row in (0..<4).map { row[$0] } }
  }
}
