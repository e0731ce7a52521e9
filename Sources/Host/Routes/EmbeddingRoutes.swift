import Hummingbird
import Inference

/// `/embeddings`: numbers for texts, from a model server that makes them. (spec/02, C16)
struct EmbeddingRoutes: RouteGroup {
  let models: ModelCatalogue
  let admission: Admission

  func register(on routes: inout Routes) {
    routes.on(.post, "/embeddings", .inference, use: embed)
  }

  private func embed(_ request: Request, _ context: HostContext) async throws -> Response {
    guard var wanted = try await request.decoded(EmbeddingRequest.self) else {
      return .failure(.badRequest, type: "invalid_request_error", message: "Invalid request format")
    }
    guard let place = admission.enter(for: context.caller.principal) else { return admission.refusal }
    defer { withExtendedLifetime(place) {} }
    do {
      let (provider, model) = try await models.resolve(wanted.model)
      wanted.model = model
      var answer = try await provider.embed(wanted)
      answer.model = model
      return try .json(answer)
    } catch {
      try Task.checkCancellation()
      return RequestFailure(error).response
    }
  }
}
