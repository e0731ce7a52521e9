import Agents
import Foundation
import HTTPTypes
import Hummingbird
import Inference
import Logging
import Sandbox
import Stores

/// `inference/chat`, `agent/dispatch` and `agent/memory`: what an agent's code has models and its own agent do.
struct BridgeWorkRoutes: RouteGroup {
  let agents: AgentStore
  let models: ModelCatalogue
  let memory: AgentMemory
  let admission: Admission
  let tasks: SandboxTasks

  private static let noModels = BridgeFailure(.forbidden, "This plugin may not ask models.")

  func register(on routes: inout Routes) {
    let service = RouteClass.sandboxService(agent: nil)
    routes.on(.post, "/inference/chat", service, use: chat)
    routes.on(.post, "/agent/dispatch", service, use: dispatch)
    routes.on(.post, "/agent/memory/query", service, use: query)
    routes.on(.post, "/agent/memory/store", service, use: store)
  }

  // MARK: Models

  private struct ChatOrder: Decodable {
    let model: String?
    let messages: [ChatMessage]
  }

  private struct Said: Encodable {
    let content: String
  }

  private func chat(_ request: Request, _ context: HostContext) async throws -> Response {
    let order = try await request.order(ChatOrder.self)
    let execution = try context.execution
    guard execution.mayInfer else { throw Self.noModels }
    let agent = try await agents.find(id: execution.agent)
    var chat = ChatRequest(model: order.model ?? "", messages: order.messages)
    try chat.validate()
    guard let place = admission.enter(for: context.caller.principal) else {
      throw BridgeFailure(.serviceUnavailable, admission.message, retryAfter: 1)
    }
    defer { withExtendedLifetime(place) {} }
    let (provider, model) = try await models.resolve(chat.wantsDefaultModel ? agent?.model : chat.model)
    chat.model = model
    let answer = try await provider.chat(chat).collect()
    return try .json(Said(content: answer.choices.first?.message.content?.text ?? ""))
  }

  // MARK: The agent itself

  private struct DispatchOrder: Decodable {
    let task: String
    let sessionKey: String?

    enum CodingKeys: String, CodingKey {
      case task
      case sessionKey = "external_session_key"
    }
  }

  private struct Dispatched: Encodable {
    let taskID: String
    enum CodingKeys: String, CodingKey { case taskID = "task_id" }
  }

  private func dispatch(_ request: Request, _ context: HostContext) async throws -> Response {
    let order = try await request.order(DispatchOrder.self)
    guard (1...SandboxTasks.longest).contains(order.task.utf8.count) else {
      throw BridgeFailure.invalid("A task has 1 to \(SandboxTasks.longest >> 10) KiB.")
    }
    guard (order.sessionKey ?? "").utf8.count <= 256 else {
      throw BridgeFailure.invalid("A session key has at most 256 bytes.")
    }
    let execution = try context.execution
    guard execution.mayInfer else { throw Self.noModels }
    guard let agent = try await agents.find(id: execution.agent) else {
      throw BridgeFailure.notFound("There is no such agent any more.")
    }
    let task = try await tasks.start(order.task, by: agent, sessionKey: order.sessionKey)
    return try .json(Dispatched(taskID: task?.uuidString ?? ""))
  }

  // MARK: Memory

  private struct Question: Decodable {
    let query: String
  }

  private struct Found: Encodable {
    struct Memory: Encodable {
      let content: String
      let salience: Double
      let createdAt: Date

      enum CodingKeys: String, CodingKey {
        case content, salience
        case createdAt = "created_at"
      }
    }
    let results: [Memory]
  }

  private struct Note: Decodable {
    let content: String
  }

  private struct Stored: Encodable {
    let id: UUID
  }

  private func query(_ request: Request, _ context: HostContext) async throws -> Response {
    let order = try await request.order(Question.self)
    guard (1...4096).contains(order.query.utf8.count) else {
      throw BridgeFailure.invalid("A question has 1 to 4096 bytes.")
    }
    let answer = try await memory.search(
      MemoryQuestion(
        agentID: try context.execution.agent, text: order.query, layers: Set(MemoryLayer.allCases), limit: 10)
    )
    return try .json(
      Found(
        results: answer.hits.map {
          Found.Memory(
            content: $0.memory.content, salience: $0.memory.salience, createdAt: $0.memory.createdAt)
        }))
  }

  /// What code in a sandbox has an agent remember is that agent's alone, and says where it comes from.
  private func store(_ request: Request, _ context: HostContext) async throws -> Response {
    let order = try await request.order(Note.self)
    let agent = try context.execution.agent
    let name = AgentPlaces(agent: agent, in: URL(filePath: "/")).name
    let kept = try await memory.add(
      NewMemory(
        agentID: agent, layer: .pinned, author: .model, content: order.content,
        keywords: "source:sandbox:\(name)", salience: 0.7))
    return try .json(Stored(id: kept.id), status: .created)
  }
}
