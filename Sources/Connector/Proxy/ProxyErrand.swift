import HTTPTypes
import Inference
import SecureChannel

/// Asks the peer for what a program asked of a proxy: the same, but where an agent answers as a model.
struct ProxyErrand: Sendable {
  /// The largest answer that is put together here, in bytes.
  static let limit = 64 * 1024 * 1024

  let client: PeerClient
  let agents: AgentModels

  init(_ client: PeerClient) {
    self.client = client
    agents = AgentModels(of: client)
  }

  /// - Parameter path: the request's path, without prefix and query.
  /// - Throws: ``ConnectorError`` or `CancellationError`.
  func run(_ request: ForwardedRequest, path: String) async throws -> ProxyAnswer {
    if request.method == "POST", path == "/chat/completions" { return ProxyAnswer(try await chat(request)) }
    if request.method == "POST", let route = OllamaRequest.Route(rawValue: path) {
      return try await ollama(request, route)
    }
    if request.method == "POST", path == "/show" { return ProxyAnswer(try await show(request)) }
    if request.method == "GET", let listing = ModelListing(rawValue: path) {
      return ProxyAnswer(try await list(listing, request))
    }
    return ProxyAnswer(try await client.forward(request))
  }

  /// A chat completion, by the model or by the agent that is asked for.
  private func chat(_ request: ForwardedRequest) async throws -> ForwardedAnswer {
    let order = ChatOrder(request.body ?? [])
    let streams = order.streams || (request.accept ?? "").lowercased().contains("text/event-stream")
    let asked = try await askAgent(for: order.model, request) {
      order.agentBody(ownModel: $0, wantsUsage: !streams)
    }
    switch asked {
    case .whole(let refusal): return .whole(refusal.status < 400 ? refusal : ProxyFailure(refusal).answer)
    case .stream(let stream) where streams: return .stream(stream)
    case .stream(let stream): return .whole(try await ChatCollection.collect(stream, limit: Self.limit))
    case nil: return try await client.forward(request)
    }
  }

  /// Runs the agent that a model's name means.
  /// - Parameter body: what it is asked, with a model of its own or with the one that is named.
  /// - Returns: nil where the name means a model.
  /// - Throws: ``ConnectorError`` or `CancellationError`.
  func askAgent(
    for model: String, _ request: ForwardedRequest, body: (_ ownModel: Bool) -> [UInt8]
  ) async throws -> ForwardedAnswer? {
    var isRepeated = false
    while let (agent, ownModel) = try await agents.agent(for: model) {
      var asked = request
      asked.path = "/agents/\(agent.path)/run"
      asked.accept = "text/event-stream"
      asked.body = body(ownModel)
      let answer = try await client.forward(asked)
      guard case .whole(let refusal) = answer, refusal.status == 404, !isRepeated else { return answer }
      // It may have gone, and another one have its name.
      await agents.forget()
      isRepeated = true
    }
    return nil
  }

  /// The models that the program can ask for.
  private func list(_ listing: ModelListing, _ request: ForwardedRequest) async throws -> ForwardedAnswer {
    let answer = try await client.forward(request)
    guard case .whole(let models) = answer, models.status == 200 else { return answer }
    let own = try await agents.all()
    guard let body = agents.isForOneAgent ? listing.of(own) : listing.adding(own, to: models.body) else {
      return answer
    }
    return .whole(PeerAnswer(status: 200, contentType: "application/json; charset=utf-8", body: body))
  }
}
