public import Foundation
import GRDB

/// What is asked of the memory.
public struct MemoryQuestion: Sendable {
  /// The agent that asks; nil for the owner, who sees everything.
  public var agentID: UUID?
  public var text: String
  public var layers: Set<MemoryLayer>
  /// The most answers, from 1 to 200.
  public var limit: Int
  /// What the text means, where a model said so.
  public var embedding: Embedding?

  public init(
    agentID: UUID?, text: String, layers: Set<MemoryLayer> = Set(MemoryLayer.allCases), limit: Int = 10,
    embedding: Embedding? = nil
  ) {
    self.agentID = agentID
    self.text = text
    self.layers = layers
    self.limit = min(max(limit, 1), 200)
    self.embedding = embedding
  }
}

/// A memory that answers.
public struct MemoryHit: Codable, Hashable, Sendable {
  public let memory: MemoryEntry
  /// The greater the better; only the order means something.
  public let score: Double
  /// Whether words of the question are in it.
  public let byWords: Bool
  /// Whether it is near in meaning.
  public let byMeaning: Bool
}

extension MemoryStore {
  /// How many of the newest rows with the words of a question are ranked.
  static let mostRanked = 1000
  /// How far each ranking goes.
  static let rankingDepth = 200
  /// Nothing is said to be near in meaning below this cosine.
  static let leastSimilarity: Float = 0.1
  /// After how many days the part of a score that ages has halved.
  static let halfLifeInDays = 180.0

  /// What answers a question best: full text (BM25) and nearness in meaning, fused by rank, then weighed by salience and
  /// age. Without an embedding it is full text alone.
  public func search(_ question: MemoryQuestion, now: Date = Date()) async throws -> [MemoryHit] {
    let byWords = try await rankByWords(question)
    let byMeaning = try await rankByMeaning(question)
    let fused = ReciprocalRank.fuse([byWords, byMeaning])
    let (words, meaning) = (Set(byWords), Set(byMeaning))
    let found = try await pool.read { database in
      try fused.keys.compactMap { row in
        try Row.fetchOne(
          database.cachedStatement(sql: "SELECT * FROM memories WHERE row_id = ?"), arguments: [row]
        ).map { (row, try MemoryEntry(row: $0)) }
      }
    }
    return
      found.filter { question.sees($0.1) }
      .map { row, memory in
        MemoryHit(
          memory: memory, score: (fused[row] ?? 0) * memory.weight(now), byWords: words.contains(row),
          byMeaning: meaning.contains(row))
      }
      .sorted { ($0.score, $0.memory.happenedAt) > ($1.score, $1.memory.happenedAt) }
      .prefix(question.limit).map(\.self)
  }

  /// Notes that memories were of use, which keeps them fresh.
  public func markUsed(_ ids: [UUID], now: Date = Date()) async throws {
    try await pool.write { database in
      for id in ids {
        try database.execute(
          sql: "UPDATE memories SET use_count = use_count + 1, last_used_at = ? WHERE id = ?",
          arguments: [now.timeIntervalSince1970, id.uuidString])
      }
    }
  }

  private func rankByWords(_ question: MemoryQuestion) async throws -> [Int64] {
    guard let query = FullTextQuery(question.text) else { return [] }
    return try await pool.read { database in
      var hits = try Self.ranked(query.all, question, database)
      if hits.count < question.limit, query.words.count > 1 {
        // Word for word, so that a common one does not push out what a rare one finds.
        var scores = Dictionary(uniqueKeysWithValues: hits.map { ($0.row, $0.score + 1000) })
        for word in query.words {
          for hit in try Self.ranked(FullTextQuery.quoted(word), question, database)
          where scores[hit.row].map({ $0 < 1000 }) ?? true {
            scores[hit.row, default: 0] += hit.score
          }
        }
        var best = BestRows(limit: Self.rankingDepth)
        for (row, score) in scores { best.offer(row, score) }
        hits = best.sorted()
      }
      return hits.map(\.row)
    }
  }

  private static func ranked(
    _ words: String, _ question: MemoryQuestion, _ database: Database
  ) throws -> [ScoredRow] {
    let filters = question.filters
    let rows = try Row.fetchCursor(
      database.cachedStatement(
        sql: """
          SELECT rowid, bounded_bm25(memories_text, ?, 0, 0, 1, 0.5) FROM memories_text
          WHERE memories_text MATCH ? ORDER BY rowid DESC LIMIT ?
          """),
      arguments: [
        filters.phrases, filters.text + "{content keywords} : (\(words))", Self.mostRanked,
      ])
    var best = BestRows(limit: rankingDepth)
    while let row = try rows.next() { best.offer(row[0], Float(row[1] as Double)) }
    return best.sorted()
  }

  private func rankByMeaning(_ question: MemoryQuestion) async throws -> [Int64] {
    guard let embedding = question.embedding else { return [] }
    let owners: [String]
    if let agentID = question.agentID {
      owners = [MemoryQuestion.scope(of: agentID), MemoryQuestion.everybody]
    } else {
      owners = try await pool.read { try String.fetchAll($0, sql: "SELECT DISTINCT scope FROM memories") }
    }
    let scopes = owners.flatMap { owner in question.layers.map { "\(owner):\($0.rawValue)" } }.sorted()
    return try await vectors.nearest(to: embedding, in: scopes, limit: Self.rankingDepth)
      .filter { $0.score >= Self.leastSimilarity }.map(\.row)
  }
}

extension MemoryQuestion {
  static let everybody = "everybody"

  static func scope(of agentID: UUID) -> String {
    "a" + agentID.uuidString.lowercased().replacing("-", with: "")
  }

  /// Whose memories are asked for, and of which layers, as the beginning of an FTS5 query, and how many phrases that is.
  fileprivate var filters: (text: String, phrases: Int) {
    var text = ""
    var phrases = 0
    if let agentID {
      text += "scope : (\"\(Self.scope(of: agentID))\" OR \"\(Self.everybody)\") AND "
      phrases += 2
    }
    if layers.count < MemoryLayer.allCases.count {
      let names = layers.map { "\"\($0.rawValue)\"" }.sorted()
      text += "layer : (\(names.isEmpty ? "\"none\"" : names.joined(separator: " OR "))) AND "
      phrases += max(names.count, 1)
    }
    return (text, phrases)
  }

  /// The rankings choose rows by scope alone; this is what decides.
  fileprivate func sees(_ memory: MemoryEntry) -> Bool {
    layers.contains(memory.layer) && (agentID == nil || memory.agentID == nil || memory.agentID == agentID)
  }
}

extension MemoryEntry {
  /// What its salience and its age make of a score. It is computed from what was stored once, however often it is asked
  /// for, and a memory that was of use is as fresh as that.
  func weight(_ now: Date) -> Double {
    let days = max(0, now.timeIntervalSince(lastUsedAt ?? happenedAt)) / 86_400
    return (0.5 + salience) * (0.5 + 0.5 * exp2(-days / MemoryStore.halfLifeInDays))
  }
}
