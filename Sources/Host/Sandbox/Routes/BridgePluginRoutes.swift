import Foundation
import HTTPTypes
import Hummingbird
import Sandbox

/// `plugin/create`: an agent's code makes a plugin of a recipe. What it can have is what an agent's plugin has, whatever the recipe says.
struct BridgePluginRoutes: RouteGroup {
  let sandboxes: AgentSandboxes

  func register(on routes: inout Routes) {
    routes.on(.post, "/plugin/create", .sandboxService(agent: nil), use: create)
  }

  private struct Created: Encodable {
    let status = "installed"
    let id: String
    let name: String
    let tools: ToolValue
    let warnings: [String]?

    enum CodingKeys: String, CodingKey {
      case status, tools, warnings
      case id = "plugin_id"
      case name = "plugin_name"
    }

    init(_ outcome: PluginOutcome) {
      id = "\(outcome.plugin.id)"
      name = outcome.plugin.recipe.name
      tools = outcome.plugin.recipe.toolList
      warnings = outcome.warnings.isEmpty ? nil : outcome.warnings
    }
  }

  private func create(_ request: Request, _ context: HostContext) async throws -> Response {
    let execution = try context.execution
    guard execution.plugin == nil else { throw BridgeFailure(.forbidden, "A plugin makes no plugins.") }
    let replaces = request.uri.queryParameters.get("replace") == "true"
    let recipe = Data(try await request.bytes().readableBytesView)
    do {
      let tools = try await sandboxes.tools(of: execution.agent, origin: .bridge)
      let outcome = try await tools.install(
        PluginOrder(
          recipe: try PluginRecipe(json: recipe, by: .hostBridge), maker: .hostBridge, replaces: replaces),
        origin: .bridge)
      return try .json(Created(outcome))
    } catch HostError.sandboxesClosed {
      throw BridgeFailure.unavailable("The service is stopping.")
    } catch let error as any ToolRefusal {
      throw BridgeFailure(error.failure)
    } catch let error as ToolFailure {
      throw BridgeFailure(error)
    } catch let error as SandboxError {
      throw BridgeFailure(ToolFailure(error))
    }
  }
}

extension BridgeFailure {
  /// What a refusal of a tool is over the bridge.
  init(_ failure: ToolFailure) {
    let isTooMuch = failure.metadata["code"] == "COMMAND_LIMIT"
    let status: HTTPResponse.Status =
      switch failure.kind {
      case .invalidArguments, .notFound, .toolNotFound: .badRequest
      case .rejected, .userDenied: isTooMuch ? .tooManyRequests : .forbidden
      case .unavailable: .serviceUnavailable
      case .executionError, .timeout: .internalServerError
      }
    var message = failure.message
    if let step = failure.metadata["how_to_ask"]?.string { message += " \(step)" }
    self.init(status, message, retryAfter: failure.kind == .unavailable ? 1 : nil)
  }
}
