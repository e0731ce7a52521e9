public import Foundation
import GRDB

/// An exchange from which something may still be learned.
public struct PendingSignal: Codable, Hashable, Sendable {
  public let agentID: UUID
  public let conversationID: String
  public let userMessage: String
  public let assistantMessage: String?
  public let createdAt: Date

  enum CodingKeys: String, CodingKey {
    case userMessage, assistantMessage, createdAt
    case agentID = "agentId"
    case conversationID = "conversationId"
  }
}

extension PendingSignal: StoredRecord {
  public static let databaseTableName = "pending_signals"
}

/// What one distillation works on. Exchanges that arrive meanwhile are not part of it, and wait for the next one.
public struct SignalBatch: Sendable {
  let claim: UUID
  public let agentID: UUID
  public let conversationID: String
  public let signals: [PendingSignal]
}

extension MemoryStore {
  /// Takes the exchanges of an agent's conversation that nobody works on yet; nil where there are none.
  public func claimSignals(agentID: UUID, conversation: String) async throws -> SignalBatch? {
    let claim = UUID()
    let signals = try await pool.write { database in
      try PendingSignal.fetchAll(
        database,
        sql: """
          UPDATE pending_signals SET claim = ?
          WHERE agent_id = ? AND conversation_id = ? AND claim IS NULL RETURNING *
          """, arguments: [claim.uuidString, agentID.uuidString, conversation])
    }
    guard !signals.isEmpty else { return nil }
    return SignalBatch(claim: claim, agentID: agentID, conversationID: conversation, signals: signals)
  }

  /// Remembers what was learned from a batch and lets its exchanges go, all at once. What was forgotten meanwhile is not
  /// learned from.
  public func finish(_ batch: SignalBatch, learned: [NewMemory], now: Date = Date()) async throws {
    try await pool.write { database in
      try database.execute(
        sql: "DELETE FROM pending_signals WHERE claim = ?", arguments: [batch.claim.uuidString])
      guard database.changesCount > 0 else { return }
      for memory in learned {
        // What a model made of a conversation stays with the agent of that conversation.
        try MemoryEntry(
          id: UUID(), agentID: batch.agentID, layer: memory.layer, author: .model,
          conversationID: batch.conversationID, position: nil, role: nil, content: memory.content.asStored,
          keywords: memory.keywords.asStored, salience: min(max(memory.salience, 0), 1), useCount: 0,
          lastUsedAt: nil, happenedAt: (memory.happenedAt ?? now).asStored, createdAt: now.asStored
        ).insert(database)
      }
    }
  }

  /// Gives a batch back, to be tried again.
  public func release(_ batch: SignalBatch) async throws {
    try await pool.write { database in
      try database.execute(
        sql: "UPDATE pending_signals SET claim = NULL WHERE claim = ?", arguments: [batch.claim.uuidString])
    }
  }
}
