public import Foundation
public import Inference
public import Logging
public import Stores

/// What agents remember, found by words and, where the owner chose a model for embeddings, by meaning.
public struct AgentMemory: Sendable {
  private let store: MemoryStore
  private let source: EmbeddingSource
  private let backlog: EmbeddingBacklog

  /// - Parameter embeddingModel: the model that tells what texts mean; nil for words alone.
  public init(store: MemoryStore, models: ModelCatalogue, embeddingModel: String?) {
    self.store = store
    source = EmbeddingSource(models: models, model: embeddingModel)
    backlog = EmbeddingBacklog(store: store, source: source)
  }

  /// What answers a question.
  public struct Answer: Codable, Sendable {
    public let hits: [MemoryHit]
    public let ranking: SearchRanking
    /// Why meaning played no part; nil where it did.
    public let reason: String?
  }

  /// Asks the memory. A model for embeddings that cannot be reached costs the meaning, not the answer.
  public func search(_ question: MemoryQuestion) async throws -> Answer {
    let meaning = try await source.meaning(of: question.text)
    var question = question
    question.embedding = meaning.embedding
    return Answer(
      hits: try await store.search(question), ranking: meaning.ranking, reason: meaning.reason)
  }

  /// Remembers something; its meaning follows.
  /// - Throws: `MemoryError`.
  public func add(_ memory: NewMemory) async throws -> MemoryEntry {
    let entry = try await store.add(memory)
    backlog.wake()
    return entry
  }

  /// Takes a conversation in word for word; its meaning follows.
  /// - Returns: how many exchanges were taken.
  /// - Throws: `MemoryError`.
  public func ingest(
    _ turns: [ConversationTurn], conversation: String, agentID: UUID, date: Date?, isToBeLearnedFrom: Bool
  ) async throws -> Int {
    let taken = try await store.ingest(
      turns, conversation: conversation, agentID: agentID, date: date,
      isToBeLearnedFrom: isToBeLearnedFrom)
    backlog.wake()
    return taken
  }

  /// What is remembered, the latest first.
  public func list(agentID: UUID?, layers: Set<MemoryLayer>, limit: Int) async throws -> [MemoryEntry] {
    try await store.list(agentID: agentID, layers: layers, limit: limit)
  }

  /// Forgets one memory.
  /// - Throws: `MemoryError.noSuchMemory`.
  public func forget(_ id: UUID) async throws { try await store.forget(id) }

  /// Forgets what an agent remembers.
  /// - Returns: how much that was.
  public func forgetAll(agentID: UUID, layers: Set<MemoryLayer>, conversation: String?) async throws -> Int {
    try await store.forgetAll(agentID: agentID, layers: layers, conversation: conversation)
  }

  /// How much an agent remembers.
  public func count(agentID: UUID) async throws -> Int { try await store.count(agentID: agentID) }

  /// How the memory is doing.
  public struct Condition: Codable, Sendable {
    public let memories: Int
    public let embedded: Int
    public let embeddingModel: String?
    /// What is held in memory for searching by meaning.
    public let held: VectorLibrary.Holding
    /// Why the last attempt to embed failed; nil where it did not.
    public let failure: String?
  }

  /// How the memory is doing.
  public func condition() async throws -> Condition {
    Condition(
      memories: try await store.counts().values.reduce(0, +), embedded: try await store.embeddedCount(),
      embeddingModel: source.model, held: await store.holding, failure: backlog.failure)
  }

  /// Embeds what is not embedded yet, until the task is cancelled.
  public func keepEmbedding(logger: Logger) async { await backlog.run(logger: logger) }

  /// Embeds all that is not embedded yet.
  /// - Throws: `InferenceError` where the model fails.
  package func embedAll() async throws { try await backlog.workOff() }
}
