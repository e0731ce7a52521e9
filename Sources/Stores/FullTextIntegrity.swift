public import GRDB

/// A full-text index over the rows of a table, and whether it holds what the rows say. It only reads: the index is
/// compared word by word with what its tokenizer makes of the rows, in whatever order both come, so in little memory.
struct FullTextIndex {
  static let turns = FullTextIndex(index: "turns_text", table: "turns", columns: ["content"])
  static let memories = FullTextIndex(
    index: "memories_text", table: "memories", columns: ["scope", "layer", "content", "keywords"])

  let index: String
  let table: String
  let columns: [String]

  /// Whether index and rows agree.
  func fits(_ database: Database) throws -> Bool { try indexed(database) == written(database) }

  /// What the index holds.
  private func indexed(_ database: Database) throws -> WordSum {
    try database.execute(
      sql: "CREATE VIRTUAL TABLE temp.\(index)_words USING fts5vocab(main, \(index), instance)")
    defer { try? database.execute(sql: "DROP TABLE temp.\(index)_words") }
    var sum = WordSum()
    let rows = try Row.fetchCursor(
      database, sql: "SELECT term, doc, col, offset FROM temp.\(index)_words")
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

/// Whether what agents remember is as it was written.
public enum MemoryIntegrity {
  /// What is wrong with a database with ``MemorySchema``, one sentence each.
  public static func problems(_ database: Database) throws -> [String] {
    try FullTextIndex.memories.fits(database)
      ? [] : ["the full-text index does not fit what is remembered"]
  }
}
