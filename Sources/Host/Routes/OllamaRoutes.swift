import Hummingbird
import Inference
import NIOCore

/// `/chat` and `/generate`: a model's answer for clients of Ollama's API, in lines of JSON or as one object.
/// (spec/02, C16)
struct OllamaRoutes: RouteGroup {
  let models: ModelCatalogue
  let admission: Admission
  var lines = LineStreamResponse()

  func register(on routes: inout Routes) {
    for route in [OllamaRequest.Route.chat, .generate] {
      routes.on(.post, route.rawValue, .inference) { try await answer($0, $1, as: route) }
    }
  }

  private func answer(
    _ request: Request, _ context: HostContext, as route: OllamaRequest.Route
  ) async throws -> Response {
    let body = Array(buffer: try await request.bytes())
    let order: OllamaRequest
    do throws(InferenceError) {
      order = try OllamaRequest(parsing: body, route)
    } catch {
      return RequestFailure(error).ollamaResponse
    }
    guard let place = admission.enter(for: context.caller.principal) else { return admission.ollamaRefusal }
    defer { withExtendedLifetime(place) {} }
    let stopwatch = OllamaAnswer.stopwatch()
    do {
      let (provider, model) = try await models.resolve(order.model)
      let answer = OllamaAnswer(to: order, model: model, elapsed: stopwatch)
      guard var chat = order.chat else { return self.ready(answer, order) }
      chat.model = model
      let pieces = try await provider.chat(chat)
      guard order.streams else { return try await whole(pieces, as: answer) }
      return lines.make(saying: ByteBuffer(bytes: answer.quietLine)) { outbox in
        defer { withExtendedLifetime(place) {} }
        await Self.send(pieces, as: answer, to: outbox)
      }
    } catch {
      try Task.checkCancellation()
      return RequestFailure(error).ollamaResponse
    }
  }

  private func ready(_ answer: OllamaAnswer, _ order: OllamaRequest) -> Response {
    let bytes = ByteBuffer(bytes: answer.ready)
    return order.streams ? lines.make(of: bytes) : .json(bytes: bytes)
  }

  private func whole(_ pieces: ChatStream, as answer: OllamaAnswer) async throws -> Response {
    var answer = answer
    for try await chunk in pieces { _ = answer.add(chunk) }
    return .json(bytes: ByteBuffer(bytes: try answer.end()))
  }

  /// An answer that is cut ends with an error, and without the line that an answer ends with.
  private static func send(_ pieces: ChatStream, as answer: OllamaAnswer, to outbox: StreamOutbox) async {
    var answer = answer
    do {
      for try await chunk in pieces {
        let line = answer.add(chunk)
        if !line.isEmpty { try await outbox.write { $0.writeBytes(line) } }
      }
      let end = try answer.end()
      try await outbox.write { $0.writeBytes(end) }
    } catch {
      // Where nobody reads any more, there is nobody to tell.
      if error is CancellationError || Task.isCancelled { return }
      let line = RequestFailure(error).ollamaObject
      try? await outbox.write {
        $0.writeImmutableBuffer(line)
        $0.writeStaticString("\n")
      }
    }
  }
}

extension RequestFailure {
  /// `{"error":{"message","type"},"done":true}`. (spec/02, C14)
  fileprivate var ollamaObject: ByteBuffer {
    var buffer = ByteBuffer(string: "{\"error\":{\"message\":")
    buffer.writeJSONString(message)
    buffer.writeStaticString(",\"type\":")
    buffer.writeJSONString(type)
    buffer.writeStaticString("},\"done\":true}")
    return buffer
  }

  fileprivate var ollamaResponse: Response { .json(bytes: ollamaObject, status: status) }
}

extension Admission {
  /// The refusal in the flavour of Ollama.
  fileprivate var ollamaRefusal: Response {
    var response = RequestFailure(.serviceUnavailable, type: "server_overloaded", message: message)
      .ollamaResponse
    response.headers[.retryAfter] = "1"
    return response
  }
}
