import Agents
import Foundation
import Hummingbird
import Inference
import Stores

/// The owner's questions about the tools that there are.
struct ControlToolRoutes: RouteGroup {
  let tools: ToolCatalogue

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/tools", .administration, use: list)
    routes.on(.post, "/control/tools/search", .administration, use: search)
    routes.on(.get, "/control/tools/{ref}", .administration, use: show)
  }

  private struct Listing: Encodable {
    let tools: [ControlTool]
  }

  private struct Order: Decodable {
    let text: String
    var limit: Int?
  }

  private struct Found: Encodable {
    struct Hit: Encodable {
      let tool: ControlTool
      let score: Double
      let byWords: Bool
      let byMeaning: Bool
    }

    let hits: [Hit]
    let ranking: SearchRanking
    let reason: String?
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      try .json(Listing(tools: try await tools.list().map(ControlTool.init)))
    }
  }

  private func search(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      let answer = try await tools.search(order.text, limit: order.limit ?? 10)
      let hits = try answer.hits.map { hit in
        Found.Hit(
          tool: try ControlTool(hit.tool), score: hit.score, byWords: hit.byWords, byMeaning: hit.byMeaning)
      }
      return try .json(Found(hits: hits, ranking: answer.ranking, reason: answer.reason))
    }
  }

  private func show(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let reference = context.parameters.get("ref")?.removingPercentEncoding ?? ""
      return try .json(ControlTool(try await tools.find(reference)))
    }
  }
}

/// A tool as its owner sees it.
private struct ControlTool: Encodable {
  let id: String
  let name: String
  let source: String
  let description: String
  let runtime: ToolRuntime
  let parameters: JSONValue
  let updatedAt: Date

  init(_ tool: ToolRecord) throws {
    id = tool.id
    name = tool.name.rawValue
    source = tool.source.rawValue
    description = tool.description
    runtime = tool.runtime
    parameters = try JSONDecoder().decode(JSONValue.self, from: Data(tool.parameters.json.utf8))
    updatedAt = tool.updatedAt
  }
}
