import Agents
import Foundation
import Hummingbird
import Identity
import Stores

/// `/memory/ingest`: conversations that an agent is to remember. (spec/02, C16)
struct MemoryRoutes: RouteGroup {
  /// The most exchanges of one request.
  static let mostTurns = 10_000

  let access: HostAccess
  let memory: AgentMemory
  let policy: AccessPolicy

  func register(on routes: inout Routes) {
    routes.on(.post, "/memory/ingest", .agentInBody, use: ingest)
  }

  private struct Order: Decodable {
    struct Turn: Decodable {
      let user: String
      let assistant: String?
      let date: String?
    }
    let agentID: String
    let conversationID: String
    let turns: [Turn]
    let sessionDate: String?
    let skipExtraction: Bool?

    enum CodingKeys: String, CodingKey {
      case turns
      case agentID = "agent_id"
      case conversationID = "conversation_id"
      case sessionDate = "session_date"
      case skipExtraction = "skip_extraction"
    }
  }

  private struct Taken: Encodable {
    let status = "ok"
    let turnsIngested: Int

    enum CodingKeys: String, CodingKey {
      case status
      case turnsIngested = "turns_ingested"
    }
  }

  private func ingest(_ request: Request, _ context: HostContext) async throws -> Response {
    guard let order = try await request.decoded(Order.self) else {
      return .text("Invalid request format", status: .badRequest)
    }
    guard AgentName.isValid(order.agentID) else { return AgentName.invalid }
    guard order.turns.count <= Self.mostTurns else {
      return .failure(
        .badRequest, code: "invalid_request", message: "At most \(Self.mostTurns) turns can be sent at once.")
    }
    guard let agent = try await access.agent(named: order.agentID, from: context.caller.origin) else {
      return AgentName.unknown
    }
    // Which agent it is about stands in the body, so it could not be decided before.
    if let refusal = policy.decide(.agentRun(agent.address), context.caller).refusal { return refusal }
    do {
      let taken = try await memory.ingest(
        order.turns.map {
          ConversationTurn(user: $0.user, assistant: $0.assistant, date: $0.date.flatMap(ISODate.read))
        },
        conversation: order.conversationID, agentID: agent.id, date: order.sessionDate.flatMap(ISODate.read),
        isToBeLearnedFrom: order.skipExtraction != true)
      return try .json(Taken(turnsIngested: taken))
    } catch let error as MemoryError {
      return .failure(.badRequest, code: "invalid_request", message: error.description)
    }
  }
}

/// Dates as people and programs write them in JSON: ISO 8601, a day or a moment.
enum ISODate {
  static func read(_ text: String) -> Date? {
    (try? Date(text, strategy: .iso8601))
      ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
      ?? (try? Date(text, strategy: .iso8601.year().month().day()))
  }
}
