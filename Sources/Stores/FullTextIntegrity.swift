public import GRDB
public import Storage

/// A full-text index over the rows of a table, whether it holds what the rows say, and how it is made anew. Looking only reads:
/// the index is compared word by word with what its tokenizer makes of the rows, in whatever order both come, so in
/// little memory.
public struct FullTextIndex: Sendable {
  static let turns = FullTextIndex(name: "turns_text", table: "turns", columns: ["content"])
  static let memories = FullTextIndex(
    name: "memories_text", table: "memories", columns: ["scope", "layer", "content", "keywords"])
  static let methods = FullTextIndex(
    name: "methods_text", table: "methods",
    columns: ["scope", "tier", "name", "description", "occasion", "body"])
  static let tools = FullTextIndex(
    name: "tools_text", table: "tools", columns: ["name", "description", "parameter_words"])

  /// The indexes of a database.
  public static func all(in database: DatabaseName) -> [FullTextIndex] {
    switch database {
    case .chatHistory: [turns]
    case .memory: [memories]
    case .methods: [methods]
    case .toolIndex: [tools]
    case .host, .agent, .plugin: []
    }
  }

  public let name: String
  let table: String
  let columns: [String]

  /// Whether one of SQLite's own complaints is about this index.
  public func isMeant(by problem: String) -> Bool { problem.contains("FTS5 table main.\(name)") }

  /// Whether index and rows agree. One that cannot be read does not.
  public func fits(_ database: Database) throws -> Bool {
    let written = try written(database)
    do {
      return try hasEveryRow(database) && indexed(database) == written
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CORRUPT {
      return false
    }
  }

  /// Makes the index anew from the rows, as a whole or not at all.
  public func rebuild(_ database: Database) throws {
    try database.execute(sql: "INSERT INTO \(name) (\(name)) VALUES ('rebuild')")
  }

  /// Whether the index knows how long each row is, and of no others.
  private func hasEveryRow(_ database: Database) throws -> Bool {
    let strays = try Int.fetchOne(
      database,
      sql: """
        SELECT (SELECT count(*) FROM \(table) WHERE row_id NOT IN (SELECT id FROM \(name)_docsize))
          + (SELECT count(*) FROM \(name)_docsize WHERE id NOT IN (SELECT row_id FROM \(table)))
        """)
    return strays == 0
  }

  /// What the index holds.
  private func indexed(_ database: Database) throws -> WordSum {
    try database.execute(
      sql: "CREATE VIRTUAL TABLE temp.\(name)_words USING fts5vocab(main, \(name), instance)")
    defer { try? database.execute(sql: "DROP TABLE temp.\(name)_words") }
    var sum = WordSum()
    let rows = try Row.fetchCursor(
      database, sql: "SELECT term, doc, col, offset FROM temp.\(name)_words")
    while let row = try rows.next() { sum.add(row[0], row: row[1], column: row[2], offset: row[3]) }
    return sum
  }

  /// What it has to hold.
  private func written(_ database: Database) throws -> WordSum {
    let tokenizer = try database.makeTokenizer(.unicode61(diacritics: .remove))
    var sum = WordSum()
    let rows = try Row.fetchCursor(
      database, sql: "SELECT row_id, \(columns.joined(separator: ", ")) FROM \(table)")
    while let row = try rows.next() {
      for column in columns {
        let text: String = row[column]
        for (offset, token) in try tokenizer.tokenize(document: text).enumerated() {
          sum.add(token.token, row: row["row_id"], column: column, offset: offset)
        }
      }
    }
    return sum
  }
}

/// Words and where they stand: their number, and the sum of a hash of each.
private struct WordSum: Equatable {
  private var count = 0
  private var sum: UInt64 = 0

  mutating func add(_ word: String, row: Int64, column: String, offset: Int) {
    // FNV-1a over word and column, then the finaliser of SplitMix64 over the place.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    for byte in word.utf8 { mix(byte) }
    mix(0)
    for byte in column.utf8 { mix(byte) }
    for place in [UInt64(bitPattern: row), UInt64(offset)] {
      hash = (hash ^ place) &+ 0x9e37_79b9_7f4a_7c15
      hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
      hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
      hash ^= hash >> 31
    }
    count += 1
    sum &+= hash
  }
}
