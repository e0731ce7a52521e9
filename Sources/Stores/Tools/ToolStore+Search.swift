import GRDB

/// A tool that fits what was asked for.
public struct ToolHit: Hashable, Sendable {
  public let tool: ToolRecord
  /// The greater the better; only the order means something.
  public let score: Double
  /// Whether words of the question are in it.
  public let byWords: Bool
  /// Whether it is near in meaning.
  public let byMeaning: Bool
}

extension ToolStore {
  /// The name counts for most, the parameters for least.
  private static let text = FullTextRanking(
    index: "tools_text", columns: ["name", "description", "parameter_words"], weights: [3, 1, 0.5])
  /// The most answers.
  static let mostAnswers = 200

  /// The tools that fit a question best: full text (BM25) over names, descriptions and parameters, and nearness in
  /// meaning, fused by rank. Without an embedding it is full text alone.
  public func search(_ question: String, embedding: Embedding? = nil, limit: Int = 10) async throws
    -> [ToolHit]
  {
    let limit = min(max(limit, 1), Self.mostAnswers)
    var words: [Int64] = []
    if let query = FullTextQuery(question) {
      words = try await pool.read {
        try Self.text.any(query, enough: limit, limit: HybridRanking.depth, $0).map(\.row)
      }
    }
    var meaning: [ScoredRow] = []
    if let embedding {
      meaning = try await vectors.nearest(to: embedding, in: [Self.scope], limit: HybridRanking.depth)
    }
    let ranking = HybridRanking(words: words, meaning: meaning)
    return try await pool.read { database in
      let statement = try database.cachedStatement(sql: "SELECT * FROM tools WHERE row_id = ?")
      let best = ranking.scores.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit)
      return try best.compactMap { row, score in
        try ToolRecord.fetchOne(statement, arguments: [row]).map {
          ToolHit(
            tool: $0, score: score, byWords: ranking.byWords.contains(row),
            byMeaning: ranking.byMeaning.contains(row))
        }
      }
    }
  }
}
