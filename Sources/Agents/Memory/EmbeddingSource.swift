import Inference
import Stores

/// Where the meaning of texts comes from: the model for embeddings that the owner chose, if there is one.
struct EmbeddingSource: Sendable {
  /// How much of a text is embedded, in characters. Models for embeddings read no more than a few pages.
  static let longestText = 8000
  /// How many texts are embedded in one request.
  static let batch = 32

  let models: ModelCatalogue
  /// The owner's choice; nothing is sent to any server without one.
  let model: String?

  /// The embeddings of texts, one for each, in their order; nil for one that has none.
  /// - Throws: `InferenceError`.
  func embed(_ texts: [String], by model: String) async throws -> [Embedding?] {
    let (provider, name) = try await models.resolve(model, isOwners: true)
    let answer = try await provider.embed(
      EmbeddingRequest(model: name, input: texts.map { String($0.prefix(Self.longestText)) }))
    guard answer.data.count == texts.count else {
      throw InferenceError.badAnswer(
        provider: provider.name, reason: "it gave \(answer.data.count) embeddings for \(texts.count) texts")
    }
    // The order of the list is not promised; the index is. Servers that leave it out give 0 for all.
    let items =
      Set(answer.data.map(\.index)).count == texts.count
      ? answer.data.sorted { $0.index < $1.index } : answer.data
    return items.map { Embedding(model: model, $0.embedding) }
  }
}
