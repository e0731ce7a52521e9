import Inference
import Stores

/// How a question was answered.
public enum SearchRanking: String, Codable, Sendable {
  case words
  case wordsAndMeaning = "words-and-meaning"
}

/// Where the meaning of texts comes from: the model for embeddings that the owner chose, if there is one.
struct EmbeddingSource: Sendable {
  /// How much of a text is embedded, in characters. Models for embeddings read no more than a few pages.
  static let longestText = 8000
  /// How many texts are embedded in one request.
  static let batch = 32

  let models: ModelCatalogue
  /// The owner's choice; nothing is sent to any server without one.
  let model: String?

  /// What a question means, or why meaning can play no part in its answer.
  struct Meaning: Sendable {
    var embedding: Embedding?
    var reason: String?

    /// How a question is answered with it.
    var ranking: SearchRanking { embedding == nil ? .words : .wordsAndMeaning }
  }

  /// What a question means. A model that cannot be reached costs the meaning, not the answer.
  func meaning(of question: String) async throws -> Meaning {
    guard let model else { return Meaning(reason: "No model for embeddings is configured (embeddingModel).") }
    do {
      let embedding = try await embed([question], by: model)[0]
      return Meaning(
        embedding: embedding,
        reason: embedding == nil ? "The model for embeddings found no meaning in the question." : nil)
    } catch let error as InferenceError {
      return Meaning(reason: error.description)
    }
  }

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
