import Foundation
import HTTPTypes
import Hummingbird
import Inference
import NIOCore

/// `/chat/completions`: a model's answer, whole or as a stream. (spec/02, C16)
struct ChatRoutes: RouteGroup {
  let models: ModelCatalogue
  let admission: Admission
  var events = EventStreamResponse()
  var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }

  func register(on routes: inout Routes) {
    routes.on(.post, "/chat/completions", .inference, use: complete)
  }

  private func complete(_ request: Request, _ context: HostContext) async throws -> Response {
    guard let chat = try await request.decoded(ChatRequest.self) else {
      return .failure(.badRequest, type: "invalid_request_error", message: "Invalid request format")
    }
    do throws(InferenceError) { try chat.validate() } catch { return RequestFailure(error).response }
    guard let place = admission.enter(for: context.caller.principal) else { return admission.refusal }
    defer { withExtendedLifetime(place) {} }

    let accept = request.headers[.accept] ?? ""
    let streams = chat.stream == true || accept.lowercased().contains("text/event-stream")
    do {
      let (provider, model) = try await models.resolve(chat.model)
      var upstream = chat
      upstream.model = model
      let answer = try await provider.chat(upstream)
      return streams
        ? stream(answer, of: model, for: chat, holding: place)
        : try await whole(answer, of: model)
    } catch {
      try Task.checkCancellation()
      return RequestFailure(error).response
    }
  }

  private func whole(_ answer: ChatStream, of model: String) async throws -> Response {
    var completion = try await answer.collect()
    completion.id = ChatEventEncoder.makeID()
    completion.created = now()
    completion.model = model
    return try .json(completion)
  }

  private func stream(
    _ answer: ChatStream, of model: String, for chat: ChatRequest, holding place: Admission.Place
  ) -> Response {
    let encoder = ChatEventEncoder(created: now(), model: model)
    let wantsUsage = chat.streamOptions?.includeUsage == true
    return events.make { outbox in
      defer { withExtendedLifetime(place) {} }
      await ChatEvents(encoder: encoder, wantsUsage: wantsUsage).send(answer, to: outbox)
    }
  }
}
