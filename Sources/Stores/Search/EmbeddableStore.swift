/// A text of a store that has no vector of a model yet.
public struct UnembeddedText: Hashable, Sendable {
  let row: Int64
  /// What is to be embedded.
  public let text: String
}

/// A store whose texts are found by meaning, too, once a model has said what they mean.
public protocol EmbeddableStore: Sendable {
  /// What is searched by meaning.
  var vectors: VectorLibrary { get }

  /// Texts that a model has made no vector of yet, the latest first.
  func unembedded(model: String, limit: Int) async throws -> [UnembeddedText]

  /// Keeps the vectors of texts. One whose text was forgotten meanwhile is passed over. When a model comes back with
  /// another number of dimensions, its earlier vectors go, and their texts are unembedded again.
  func keep(_ embeddings: [(text: UnembeddedText, embedding: Embedding)]) async throws

  /// How many texts have a vector.
  func embeddedCount() async throws -> Int
}

extension EmbeddableStore {
  /// What is held in memory for searching by meaning.
  public var holding: VectorLibrary.Holding { get async { await vectors.holding } }
}
