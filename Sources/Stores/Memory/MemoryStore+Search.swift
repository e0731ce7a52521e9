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
  private static let text = FullTextRanking(
    index: "memories_text", columns: ["content", "keywords"], weights: [0, 0, 1, 0.5])
  /// After how many days the part of a score that ages has halved.
  static let halfLifeInDays = 180.0

  /// What answers a question best: full text (BM25) and nearness in meaning, fused by rank, then weighed by salience and
  /// age. Without an embedding it is full text alone.
  public func search(_ question: MemoryQuestion, now: Date = Date()) async throws -> [MemoryHit] {
    let ranking = HybridRanking(
      words: try await rankByWords(question), meaning: try await rankByMeaning(question))
    let found = try await pool.read { database in
      let statement = try database.cachedStatement(sql: "SELECT * FROM memories WHERE row_id = ?")
      return try ranking.scores.compactMap { row, score in
        try MemoryEntry.fetchOne(statement, arguments: [row]).map { (row, score, $0) }
      }
    }
    return
      found.filter { question.sees($0.2) }
      .map { row, score, memory in
        MemoryHit(
          memory: memory, score: score * memory.weight(now), byWords: ranking.byWords.contains(row),
          byMeaning: ranking.byMeaning.contains(row))
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
      try Self.text.any(
        query, where: question.filter, enough: question.limit, limit: HybridRanking.depth, database
      ).map(\.row)
    }
  }

  private func rankByMeaning(_ question: MemoryQuestion) async throws -> [ScoredRow] {
    guard let embedding = question.embedding else { return [] }
    let owners: [String]
    if let agentID = question.agentID {
      owners = [MemoryQuestion.scope(of: agentID), MemoryQuestion.everybody]
    } else {
      owners = try await pool.read { try String.fetchAll($0, sql: "SELECT DISTINCT scope FROM memories") }
    }
    let scopes = owners.flatMap { owner in question.layers.map { "\(owner):\($0.rawValue)" } }.sorted()
    return try await vectors.nearest(to: embedding, in: scopes, limit: HybridRanking.depth)
  }
}

extension MemoryQuestion {
  static let everybody = "everybody"

  static func scope(of agentID: UUID) -> String {
    "a" + agentID.uuidString.lowercased().replacing("-", with: "")
  }

  /// Whose memories are asked for, and of which layers.
  fileprivate var filter: FullTextRanking.Filter {
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
    return FullTextRanking.Filter(text: text, phrases: phrases)
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
