import GRDB

/// A number in the database that only rises.
enum RisingCounter: String {
  case agentIndex = "agent_index"
  case keyCounter = "key_counter"
  /// Counts the changes on which the answer to "may this key in?" depends.
  case generation

  /// Takes the next number, inside the caller's transaction.
  /// - Throws: ``StoresError/counterMissing``: a number that starts anew would be used twice.
  @discardableResult
  func next(_ database: Database) throws -> Int64 {
    let next = try Int64.fetchOne(
      database, sql: "UPDATE counters SET value = value + 1 WHERE name = ? RETURNING value",
      arguments: [rawValue])
    guard let next else { throw StoresError.counterMissing }
    return next
  }

  /// Goes on from `value`, unless it is beyond it already.
  /// - Returns: Where it stands then.
  func raise(to value: Int64, _ database: Database) throws -> Int64 {
    let raised = try Int64.fetchOne(
      database, sql: "UPDATE counters SET value = max(value, ?) WHERE name = ? RETURNING value",
      arguments: [value, rawValue])
    guard let raised else { throw StoresError.counterMissing }
    return raised
  }

  func value(_ database: Database) throws -> Int64 {
    let value = try Int64.fetchOne(
      database, sql: "SELECT value FROM counters WHERE name = ?", arguments: [rawValue])
    guard let value else { throw StoresError.counterMissing }
    return value
  }
}
