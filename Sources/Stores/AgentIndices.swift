import GRDB
import Identity

/// Gives indices to agents, none of them twice below one identity: the next one of a number that only rises, or one
/// that the owner names and that was never given here.
enum AgentIndices {
  /// Takes an index inside the caller's transaction.
  /// - Throws: ``StoresError/indexGiven(_:)`` or ``StoresError/indicesExhausted``.
  static func take(_ wanted: AgentIndex?, _ database: Database) throws -> AgentIndex {
    guard let wanted else { return try next(database) }
    let (first, last) = try run(database)
    let index = Int64(wanted.rawValue)
    guard try !(first <= index && index <= last) && !isGiven(index, database) else {
      throw StoresError.indexGiven(wanted.rawValue)
    }
    try note(index, index, database)
    return wanted
  }

  /// Begins to count at `start`, which lies above everything that was counted; what was given stays given, to the
  /// identity that the database is of.
  static func begin(at start: Int64, _ database: Database) throws {
    let (first, last) = try run(database)
    if first <= last { try note(first, last, database) }
    try database.execute(sql: "UPDATE identity SET first_index = ?", arguments: [start])
    _ = try RisingCounter.agentIndex.raise(to: start - 1, database)
  }

  /// The last index that was counted; -1 for none.
  static func last(_ database: Database) throws -> Int64 { try RisingCounter.agentIndex.value(database) }

  private static func next(_ database: Database) throws -> AgentIndex {
    while true {
      let number = try RisingCounter.agentIndex.next(database)
      guard let index = UInt32(exactly: number) else { throw StoresError.indicesExhausted }
      if try !isGiven(number, database) { return AgentIndex(rawValue: index) }
    }
  }

  /// The indices that are counted: from which to which.
  private static func run(_ database: Database) throws -> (first: Int64, last: Int64) {
    let first = try Int64.fetchOne(database, sql: "SELECT first_index FROM identity") ?? 0
    return (first, try last(database))
  }

  private static func isGiven(_ index: Int64, _ database: Database) throws -> Bool {
    try Bool.fetchOne(
      database,
      sql: """
        SELECT EXISTS (SELECT 1 FROM agents WHERE key_index = :index) OR EXISTS (
          SELECT 1 FROM given_indices AS given, identity
            WHERE given.master = coalesce(identity.master, '') AND :index BETWEEN given.first AND given.last)
        """, arguments: ["index": index]) ?? true
  }

  private static func note(_ first: Int64, _ last: Int64, _ database: Database) throws {
    try database.execute(
      sql: """
        INSERT INTO given_indices (master, first, last) SELECT coalesce(master, ''), ?, ? FROM identity WHERE true
          ON CONFLICT (master, first) DO UPDATE SET last = max(last, excluded.last)
        """, arguments: [first, last])
  }
}
