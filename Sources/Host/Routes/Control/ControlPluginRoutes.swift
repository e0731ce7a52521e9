import Foundation
import HTTPTypes
import Hummingbird
import Sandbox
import SecretMemory
import Stores

/// The owner's orders about agents' plugins.
struct ControlPluginRoutes: RouteGroup {
  let agents: AgentStore
  let sandboxes: AgentSandboxes

  func register(on routes: inout Routes) {
    let one = "/control/agents/{ref}/plugins/{plugin}"
    routes.on(.get, "/control/plugins", .administration, use: listAll)
    routes.on(.get, "/control/agents/{ref}/plugins", .administration, use: list)
    routes.on(.post, "/control/agents/{ref}/plugins", .administration, use: install)
    routes.on(.get, one, .administration, use: show)
    routes.on(.delete, one, .administration, use: remove)
    routes.on(.put, "\(one)/secrets/{name}", .administration, use: setSecret)
    routes.on(.delete, "\(one)/secrets/{name}", .administration, use: removeSecret)
  }

  private struct Listing: Encodable {
    struct Damaged: Encodable {
      let agent: String
      let id: String
    }

    var plugins: [ControlPlugin] = []
    /// What is there, and cannot be read.
    var damaged: [Damaged] = []
  }

  private struct Order: Decodable {
    let recipe: ToolValue
    var replace: Bool?
  }

  private struct Installed: Encodable {
    let status: PluginOutcome.Change
    let plugin: ControlPlugin
    let warnings: [String]
  }

  private struct Removed: Encodable {
    let id: String
  }

  private struct Value: Decodable {
    let value: String
  }

  private struct Kept: Encodable {
    let name: String
  }

  // MARK: Plugins

  private func listAll(_ request: Request, _ context: HostContext) async throws -> Response {
    try await answering {
      var listing = Listing()
      for agent in try await agents.list() { try await add(agent, to: &listing) }
      return try .json(listing)
    }
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try await answering {
      var listing = Listing()
      try await add(try await agent(of: context), to: &listing)
      return try .json(listing)
    }
  }

  private func add(_ agent: AgentRecord, to listing: inout Listing) async throws {
    let contents = sandboxes.plugins.shelf(of: agent.id).contents
    for plugin in contents.plugins { listing.plugins.append(try await row(plugin, of: agent)) }
    listing.damaged += contents.damaged.map { .init(agent: agent.name, id: "\($0)") }
  }

  private func row(
    _ plugin: InstalledPlugin, of agent: AgentRecord, isWhole: Bool = false
  ) async throws -> ControlPlugin {
    let store = sandboxes.secretStore
    let names = try await store.names(agent: agent.id)
    let own = try await store.names(agent: agent.id, plugin: "\(plugin.id)")
    return ControlPlugin(plugin, of: agent, secrets: Set(names + own), isWhole: isWhole)
  }

  private func show(_ request: Request, _ context: HostContext) async throws -> Response {
    try await answering {
      let agent = try await agent(of: context)
      return try .json(try await row(try plugin(of: agent, context), of: agent, isWhole: true))
    }
  }

  private func install(_ request: Request, _ context: HostContext) async throws -> Response {
    try await answering {
      let agent = try await agent(of: context)
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      let recipe = try PluginRecipe(order.recipe)
      // To order it is to say yes to what it needs.
      let tools = try await sandboxes.tools(of: agent.id, origin: .owner, asksOwner: false)
      let outcome = try await tools.install(
        PluginOrder(recipe: recipe, maker: .owner, replaces: order.replace ?? false), origin: .owner)
      return try .json(
        Installed(
          status: outcome.change, plugin: try await row(outcome.plugin, of: agent),
          warnings: outcome.warnings))
    }
  }

  private func remove(_ request: Request, _ context: HostContext) async throws -> Response {
    try await answering {
      let (agent, id) = (try await agent(of: context), parameter("plugin", context))
      try await sandboxes.plugins.remove(id, of: agent.id)
      return try .json(Removed(id: id))
    }
  }

  // MARK: Secrets

  private func setSecret(_ request: Request, _ context: HostContext) async throws -> Response {
    try await answering {
      let agent = try await agent(of: context)
      let (plugin, name) = (try plugin(of: agent, context), parameter("name", context))
      guard plugin.recipe.secrets.contains(name) else {
        throw ControlFailure.invalid(
          "The plugin '\(plugin.id)' asks for no secret of that name; see 'osaurus-host plugin show'.")
      }
      guard let order = try await request.decoded(Value.self) else { throw ControlFailure.malformed }
      guard (1...AgentSecretStore.longest).contains(order.value.utf8.count), !order.value.utf8.contains(0)
      else { throw ControlFailure.invalid("A secret has 1 byte to 32 KiB, and no NUL.") }
      var value = Array(order.value.utf8)
      defer { wipe(&value) }
      try await sandboxes.secretStore.set(name, to: value, agent: agent.id, plugin: "\(plugin.id)")
      return try .json(Kept(name: name))
    }
  }

  private func removeSecret(_ request: Request, _ context: HostContext) async throws -> Response {
    try await answering {
      let agent = try await agent(of: context)
      let (plugin, name) = (try plugin(of: agent, context), parameter("name", context))
      guard try await sandboxes.secretStore.remove(name, agent: agent.id, plugin: "\(plugin.id)") else {
        throw ControlFailure(
          status: .notFound, code: "secret_not_found",
          message: "The plugin '\(plugin.id)' has no secret of that name.")
      }
      return try .json(Kept(name: name))
    }
  }

  // MARK: What is meant

  private func agent(of context: HostContext) async throws -> AgentRecord {
    try await agents.find(reference: parameter("ref", context))
  }

  private func plugin(of agent: AgentRecord, _ context: HostContext) throws -> InstalledPlugin {
    try sandboxes.plugins.shelf(of: agent.id).plugin(parameter("plugin", context))
  }

  private func parameter(_ name: Substring, _ context: HostContext) -> String {
    context.parameters.get(String(name))?.removingPercentEncoding ?? ""
  }

  /// Answers with the refusals of plugins, besides those of all orders.
  private func answering(_ body: () async throws -> Response) async throws -> Response {
    try await ControlFailure.answering {
      do {
        return try await body()
      } catch let error as PluginRefusal {
        throw ControlFailure(error)
      } catch let error as any ToolRefusal {
        throw ControlFailure(error.failure)
      } catch let error as ToolFailure {
        throw ControlFailure(error)
      } catch let error as SandboxError {
        throw ControlFailure(
          status: .serviceUnavailable, code: "sandbox",
          message: [error.description, error.nextStep].compactMap(\.self).joined(separator: " "))
      } catch HostError.sandboxesClosed {
        throw ControlFailure(
          status: .serviceUnavailable, code: "sandboxes_closed", message: "The service is stopping.")
      }
    }
  }
}

extension ControlFailure {
  fileprivate init(_ error: PluginRefusal) {
    let (status, code): (HTTPResponse.Status, String) =
      switch error {
      case .recipe: (.badRequest, "recipe_refused")
      case .exists: (.conflict, "plugin_exists")
      case .ownersOwn, .notForAgents: (.forbidden, "not_permitted")
      case .dependencies: (.conflict, "dependencies_missing")
      case .tooMany: (.conflict, "too_many")
      case .busy: (.conflict, "plugin_busy")
      case .setup: (.unprocessableContent, "setup_failed")
      case .folder: (.internalServerError, "plugin_folder")
      case .notFound: (.notFound, "plugin_not_found")
      }
    self.init(
      status: status, code: code,
      message: [error.description, error.nextStep].compactMap(\.self).joined(separator: " "))
  }

  fileprivate init(_ failure: ToolFailure) {
    let isRefused = failure.kind == .rejected || failure.kind == .userDenied
    self.init(
      status: isRefused ? .forbidden : .serviceUnavailable, code: "plugin_refused",
      message: [failure.message, failure.metadata["how_to_ask"]?.string].compactMap(\.self)
        .joined(separator: " "))
  }
}

/// A plugin, as the owner sees it.
private struct ControlPlugin: Encodable {
  struct Secret: Encodable {
    let name: String
    /// Whether it, or one of the agent's of that name, is there.
    let isSet: Bool
  }

  let id: String
  let agent: String
  let agentID: UUID
  let name: String
  let description: String
  let version: String?
  let author: String?
  let source: String?
  /// `owner`, `agent_tool` or `host_bridge`.
  let madeBy: PluginMaker
  let installedAt: Date
  let contentHash: String
  let network: String
  let inference: Bool
  let secrets: [Secret]
  let files: [String]
  let tools: ToolValue
  let setup: PluginSetup?
  /// All of it, where one plugin alone is asked for.
  let recipe: ToolValue?

  init(_ plugin: InstalledPlugin, of owner: AgentRecord, secrets present: Set<String>, isWhole: Bool) {
    let recipe = plugin.recipe
    id = "\(plugin.id)"
    agent = owner.name
    agentID = owner.id
    name = recipe.name
    description = recipe.description
    version = recipe.version
    author = recipe.author
    source = recipe.source
    madeBy = plugin.maker
    installedAt = plugin.installedAt
    contentHash = recipe.contentHash
    network = recipe.network.text
    inference = recipe.mayInfer
    secrets = recipe.secrets.map { Secret(name: $0, isSet: present.contains($0)) }
    files = recipe.files.map(\.path.description)
    tools = recipe.toolList
    setup = plugin.setup
    self.recipe = isWhole ? recipe.json : nil
  }
}
