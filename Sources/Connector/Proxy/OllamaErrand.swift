import Foundation
import Inference

extension ProxyErrand {
  /// What a client of Ollama's API asks: the same of the peer where a model is meant, and an agent's answer where one is.
  ///
  /// Agents are asked as they are for OpenAI's clients, so every host that has agents answers, whether it knows of Ollama
  /// or not.
  func ollama(_ request: ForwardedRequest, _ route: OllamaRequest.Route) async throws -> ProxyAnswer {
    let order: OllamaRequest
    do throws(InferenceError) {
      order = try OllamaRequest(parsing: request.body ?? [], route)
    } catch {
      return .whole(ProxyFailure(error.description, type: "invalid_request_error").ollamaAnswer)
    }
    let answer = OllamaAnswer(to: order, model: order.model)
    let name = try await bareName(order.model)
    if order.chat == nil, try await agents.agent(for: name) != nil {
      return .whole(Self.ready(answer, order))
    }
    let asked = try await askAgent(for: name, request) { ownModel in
      var chat = order.chat ?? ChatRequest(model: "", messages: [])
      chat.model = ownModel ? "" : order.model
      chat.stream = true
      chat.streamOptions = .init(includeUsage: true)
      return [UInt8]((try? JSONEncoder().encode(chat)) ?? Data())
    }
    switch asked {
    case .whole(let odd) where odd.status < 400:
      throw ConnectorError.badAnswer(reason: "it came in one piece")
    case .whole(let refusal): return .whole(ProxyFailure(refusal).ollamaAnswer)
    case .stream(let stream) where order.streams:
      return .stream(stream, AgentLines(answer, limit: Self.limit))
    case .stream(let stream):
      return .whole(try await AgentLines.collect(stream, as: answer, limit: Self.limit))
    case nil: break
    }
    switch try await client.forward(request) {
    case .whole(let refusal) where refusal.status >= 400: return .whole(ProxyFailure(refusal).ollamaAnswer)
    // A host of another kind gives its lines in one piece.
    case .whole(let whole) where whole.contentType?.hasPrefix("application/x-ndjson") == true:
      var errors = OllamaErrors()
      let body = try errors.feed(whole.body) + errors.finish()
      return .whole(PeerAnswer(status: whole.status, contentType: whole.contentType, body: body))
    case .whole(let whole): return .whole(whole)
    case .stream(let stream): return .stream(stream, OllamaErrors())
    }
  }

  /// What Ollama's `/show` tells of an agent; of a model the peer tells it. (spec/02, C13)
  func show(_ request: ForwardedRequest) async throws -> ForwardedAnswer {
    struct Order: Decodable {
      var model: String?
      var name: String?
    }
    let order = try? JSONDecoder().decode(Order.self, from: Data(request.body ?? []))
    guard let model = order?.model ?? order?.name,
      let (agent, isItself) = try await agents.agent(for: try await bareName(model)), isItself
    else { return try await client.forward(request) }
    return .whole(
      PeerAnswer(
        status: 200, contentType: "application/json; charset=utf-8", body: ModelListing.description(of: agent)
      ))
  }

  /// A model's name as the lists have it: Ollama's clients say `name:latest` as well as `name`.
  private func bareName(_ name: String) async throws -> String {
    guard name.hasSuffix(":latest"), try await agents.agent(for: name)?.ownModel != true else { return name }
    return String(name.dropLast(":latest".count))
  }

  private static func ready(_ answer: OllamaAnswer, _ order: OllamaRequest) -> PeerAnswer {
    PeerAnswer(
      status: 200, contentType: order.streams ? "application/x-ndjson" : "application/json; charset=utf-8",
      body: answer.ready)
  }
}

extension ProxyFailure {
  /// The failure in the words of Ollama's API: `{"error":"…"}`.
  var ollamaAnswer: PeerAnswer {
    PeerAnswer(
      status: status, contentType: "application/json; charset=utf-8", body: Self.ollamaObject(message))
  }

  static func ollamaObject(_ message: String) -> [UInt8] {
    [UInt8]((try? JSONEncoder().encode(["error": message])) ?? Data())
  }
}
