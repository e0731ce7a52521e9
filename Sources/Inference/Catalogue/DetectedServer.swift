/// A server that was found on this machine. Who listens at its port is looked at again before every question: it may
/// have ended since, and another user's program may have taken its place.
struct DetectedServer: ModelProvider {
  let server: OpenAIProvider
  let port: UInt16
  let mayTrust: @Sendable (UInt16) -> Bool

  var name: String { server.name }

  func models() async throws -> [ModelDescription] {
    try check()
    return try await server.models()
  }

  func chat(_ request: ChatRequest) async throws -> ChatStream {
    try check()
    return try await server.chat(request)
  }

  func embed(_ request: EmbeddingRequest) async throws -> EmbeddingResponse {
    try check()
    return try await server.embed(request)
  }

  private func check() throws(InferenceError) {
    guard mayTrust(port) else { throw .unreachable(provider: name) }
  }
}
