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
    return try await pool.read { database in
      try ranking.scores.compactMap { row, score in
        try Candidate(row, score: score, database, now: now)
      }
      .filter { question.sees($0.agentID, $0.layer) }
      .sorted { ($0.score, $0.happenedAt) > ($1.score, $1.happenedAt) }
      .prefix(question.limit)
      .compactMap { candidate in
        try candidate.memory(database).map {
          MemoryHit(
            memory: $0, score: candidate.score, byWords: ranking.byWords.contains(candidate.row),
            byMeaning: ranking.byMeaning.contains(candidate.row))
        }
      }
    }
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
  fileprivate func sees(_ owner: UUID?, _ layer: MemoryLayer) -> Bool {
    layers.contains(layer) && (agentID == nil || owner == nil || owner == agentID)
  }
}

/// A memory that was found, by what decides about it alone: of hundreds, a few are read whole.
private struct Candidate {
  let row: Int64
  let agentID: UUID?
  let layer: MemoryLayer
  let happenedAt: Double
  let score: Double

  /// - Returns: nil where there is none any more.
  init?(_ row: Int64, score: Double, _ database: Database, now: Date) throws {
    let statement = try database.cachedStatement(
      sql: """
        SELECT agent_id, layer, salience, happened_at, ifnull(last_used_at, happened_at) FROM memories
        WHERE row_id = ?
        """)
    guard let found = try Row.fetchOne(statement, arguments: [row]),
      let layer = MemoryLayer(rawValue: found[1])
    else { return nil }
    self.row = row
    self.layer = layer
    (agentID, happenedAt) = (found[0], found[3])
    self.score = score * MemoryEntry.weight(salience: found[2], freshAt: found[4], now: now)
  }

  func memory(_ database: Database) throws -> MemoryEntry? {
    try MemoryEntry.fetchOne(
      database.cachedStatement(sql: "SELECT * FROM memories WHERE row_id = ?"), arguments: [row])
  }
}

extension MemoryEntry {
  /// What salience and age make of a score. It is computed from what was stored once, however often it is asked for, and a
  /// memory that was of use is as fresh as that.
  ///
  /// - Parameter freshAt: when it came about or was last of use, in seconds since 1970.
  static func weight(salience: Double, freshAt: Double, now: Date) -> Double {
    let days = max(0, now.timeIntervalSince1970 - freshAt) / 86_400
    return (0.5 + salience) * (0.5 + 0.5 * exp2(-days / MemoryStore.halfLifeInDays))
  }
}
