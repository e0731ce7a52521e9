import Agents
import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Inference
import Stores

/// `/agents/{id}/run`: an agent's answer, always as a stream. (spec/02, C11)
struct AgentRunRoutes: RouteGroup {
  /// The agent that the original builds in. It is never run for others, and there is none here.
  static let builtIn = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))

  let access: HostAccess
  let runner: AgentRunner
  let admission: Admission
  var events = EventStreamResponse()
  var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }

  func register(on routes: inout Routes) {
    routes.on(.post, "/agents/{id}/run", agent: "id", RouteClass.agentRun, use: run)
  }

  private func run(_ request: Request, _ context: HostContext) async throws -> Response {
    guard let chat = try await request.decoded(ChatRequest.self) else {
      return .text("Invalid request format", status: .badRequest)
    }
    let name = context.parameters.get("id") ?? ""
    if name == "default" || UUID(uuidString: name) == Self.builtIn {
      return context.caller.principal == .owner ? AgentName.unknown : Self.notExposable
    }
    guard AgentName.isValid(name) else { return AgentName.invalid }
    guard let agent = try await access.agent(named: name, from: context.caller.origin) else {
      return AgentName.unknown
    }
    do throws(InferenceError) { try chat.validate() } catch {
      return .failure(.badRequest, code: "invalid_request", message: error.description)
    }
    let options = options(for: chat, request, context)
    do {
      guard try await runner.mayOpenSession(with: agent, options) else { throw StoresError.noSuchSession }
    } catch let error as StoresError {
      return ControlFailure(error).response
    }
    guard let place = admission.enter(for: context.caller.principal) else { return admission.agentRefusal }
    return stream(chat, by: agent, options: options, holding: place)
  }

  private func options(for chat: ChatRequest, _ request: Request, _ context: HostContext) -> RunOptions {
    let session = request.headers[.sessionID] ?? chat.sessionID
    return RunOptions(
      sessionID: session.flatMap(UUID.init(uuidString:)),
      persist: request.headers[.persist]?.lowercased() != "false",
      source: context.caller.principal == .owner ? .chat : .http, opener: context.caller.sessionOpener)
  }

  /// Answers at once: loading a model may take a while, during which the caller hears that somebody is there.
  private func stream(
    _ chat: ChatRequest, by agent: AgentRecord, options: RunOptions, holding place: Admission.Place
  ) -> Response {
    events.make { outbox in
      defer { withExtendedLifetime(place) {} }
      do {
        let run = try await runner.run(agent, chat, options: options)
        let encoder = ChatEventEncoder(created: now(), model: run.model)
        let wantsUsage = chat.streamOptions?.includeUsage == true
        await ChatEvents(encoder: encoder, wantsUsage: wantsUsage).send(run.events, to: outbox)
      } catch {
        await ChatEvents.sendFailure(error, to: outbox)
      }
    }
  }

  private static var notExposable: Response {
    .failure(
      .forbidden, code: "built_in_agent_not_exposable",
      message: """
        Built-in agent \(builtIn.uuidString) is not reachable from http/agents/run. Built-in agents \
        (including the Default agent) are only available inside the Osaurus app.
        """)
  }
}

extension Caller {
  /// Whose a conversation is that this caller opens. The front door lets nobody in who proved nothing.
  fileprivate var sessionOpener: SessionOpener {
    switch principal {
    case .owner: .owner
    case .accessKey(let key): .accessKey(issuer: key.issuer, nonce: key.nonce)
    case .execution(let execution): .sandbox(of: execution.agent)
    case .anonymous: SessionOpener(rawValue: "")
    }
  }
}

extension HTTPField.Name {
  static let sessionID = HTTPField.Name("X-Session-Id")!
  static let persist = HTTPField.Name("X-Persist")!
}
