/// A place that answers: a server, near or far, that offers models.
public protocol ModelProvider: Sendable {
  /// Its name, as a person is shown it.
  var name: String { get }

  /// The models that it offers now.
  func models() async throws -> [ModelDescription]

  /// Asks for an answer and streams it. The request's `model` is the provider's own name of it.
  ///
  /// - Throws: `InferenceError` when the server refuses or cannot be reached; the stream throws it when the
  ///   answer is cut.
  func chat(_ request: ChatRequest) async throws -> ChatStream

  /// Asks for a whole answer.
  func complete(_ request: ChatRequest) async throws -> ChatCompletion

  /// Asks for embeddings.
  func embed(_ request: EmbeddingRequest) async throws -> EmbeddingResponse
}

extension ModelProvider {
  public func complete(_ request: ChatRequest) async throws -> ChatCompletion {
    try await chat(request).collect()
  }
}
