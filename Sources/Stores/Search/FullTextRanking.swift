import GRDB

/// The rows of a full-text index that answer best, by BM25, in a time that does not grow with the table: the newest rows
/// with the words are ranked, and no more of them than ``mostRanked``, so words that are everywhere cost what rare ones do.
struct FullTextRanking: Sendable {
  /// How many of the newest rows with the words are ranked.
  static let mostRanked = 400

  /// The FTS5 table.
  let index: String
  /// The columns that words are looked for in.
  let columns: [String]
  /// What a word in each column of the table counts for.
  let weights: [Double]

  /// What a row has to be besides having the words: the beginning of an FTS5 query, and how many phrases that is.
  struct Filter: Sendable {
    static let none = Filter(text: "", phrases: 0)

    let text: String
    let phrases: Int
  }

  /// Rows with all of the words, the best first.
  func all(
    _ query: FullTextQuery, where filter: Filter = .none, limit: Int, _ database: Database
  ) throws -> [ScoredRow] {
    try ranked(query.all, filter, limit, database)
  }

  /// Rows with all of the words and then, where these are fewer than `enough`, such with any of them.
  func any(
    _ query: FullTextQuery, where filter: Filter = .none, enough: Int, limit: Int, _ database: Database
  ) throws -> [ScoredRow] {
    let whole = try all(query, where: filter, limit: limit, database)
    guard whole.count < enough, query.words.count > 1 else { return whole }
    // Word for word, so that a common one does not push out what a rare one finds.
    let first: Float = 1000
    var scores = Dictionary(uniqueKeysWithValues: whole.map { ($0.row, $0.score + first) })
    for word in query.words {
      for hit in try ranked(FullTextQuery.quoted(word), filter, limit, database)
      where scores[hit.row].map({ $0 < first }) ?? true {
        scores[hit.row, default: 0] += hit.score
      }
    }
    var best = BestRows(limit: limit)
    for (row, score) in scores { best.offer(row, score) }
    return best.sorted()
  }

  private func ranked(
    _ words: String, _ filter: Filter, _ limit: Int, _ database: Database
  ) throws -> [ScoredRow] {
    let weights = weights.map(String.init(describing:)).joined(separator: ", ")
    let rows = try Row.fetchCursor(
      database.cachedStatement(
        sql: """
          SELECT rowid, bounded_bm25(\(index), ?, \(weights)) FROM \(index)
          WHERE \(index) MATCH ? ORDER BY rowid DESC LIMIT ?
          """),
      arguments: [
        filter.phrases, filter.text + "{\(columns.joined(separator: " "))} : (\(words))", Self.mostRanked,
      ])
    var best = BestRows(limit: limit)
    while let row = try rows.next() { best.offer(row[0], Float(row[1] as Double)) }
    return best.sorted()
  }
}
