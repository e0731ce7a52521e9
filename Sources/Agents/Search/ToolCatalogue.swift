public import Inference
public import Logging
public import Stores

/// The tools that agents may be offered, found by words and, where the owner chose a model for embeddings, by meaning.
///
/// Whoever brings tools says so here, once at every start and whenever they change; the index then holds those and no
/// others of that source.
public struct ToolCatalogue: Sendable {
  private let store: ToolStore
  private let source: EmbeddingSource
  private let backlog: EmbeddingBacklog

  /// - Parameter embeddingModel: the model that tells what texts mean; nil for words alone.
  public init(store: ToolStore, models: ModelCatalogue, embeddingModel: String?) {
    self.store = store
    source = EmbeddingSource(models: models, model: embeddingModel)
    backlog = EmbeddingBacklog(store: store, source: source)
  }

  /// What fits a question.
  public struct Answer: Sendable {
    public let hits: [ToolHit]
    public let ranking: SearchRanking
    /// Why meaning played no part; nil where it did.
    public let reason: String?
  }

  /// Says which tools a source brings; their meaning follows.
  /// - Throws: `ToolError`.
  public func publish(_ tools: [NewTool], of source: ToolSource) async throws {
    try await store.replace(tools, of: source)
    backlog.wake()
  }

  /// The tools that fit a question best. A model for embeddings that cannot be reached costs the meaning, not the answer.
  public func search(_ question: String, limit: Int) async throws -> Answer {
    let meaning = try await source.meaning(of: question)
    return Answer(
      hits: try await store.search(question, embedding: meaning.embedding, limit: limit),
      ranking: meaning.ranking, reason: meaning.reason)
  }

  /// All of them, by source and name.
  public func list() async throws -> [ToolRecord] { try await store.list() }

  /// One of them, by its id, or by its name where one alone has it.
  /// - Throws: `ToolError`.
  public func find(_ reference: String) async throws -> ToolRecord { try await store.find(reference) }

  /// Embeds what is not embedded yet, until the task is cancelled.
  public func keepEmbedding(logger: Logger) async { await backlog.run(logger: logger) }

  /// Embeds all that is not embedded yet.
  /// - Throws: `InferenceError` where the model fails.
  package func embedAll() async throws { try await backlog.workOff() }
}
