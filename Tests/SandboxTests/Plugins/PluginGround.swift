import Foundation
import Synchronization
import Testing

@testable import Sandbox

/// An agent with plugins on a ground of its own.
final class PluginGround {
  let ground: Ground
  let told = ToldEvents()
  let plugins: HeldPlugins
  let tools: SandboxTools

  init(
    secrets: [String: String] = [:], pluginSecrets: [String: [String: String]] = [:], mayCreate: Bool = true,
    gate: (Ground) -> any ToolGate = { _ in OpenGate() },
    change: (inout SandboxProfile) throws -> Void = { _ in }
  ) throws {
    ground = try Ground()
    try change(&ground.profile)
    plugins = HeldPlugins(
      PluginShelf(of: ground.profile.places), secrets: secrets, pluginSecrets: pluginSecrets,
      mayCreate: mayCreate)
    var context = ToolContext(
      agent: ground.agent, launcher: try ground.launcher(), sessions: CommandSessions(), gate: gate(ground),
      audit: told)
    context.secrets = HeldSecrets(secrets)
    context.commandsPerTurn = 100
    context.plugins = plugins
    tools = SandboxTools(context)
    try ground.profile.places.prepare()
  }

  var folder: URL { ground.profile.places.pluginsFolder }

  func install(
    _ recipe: ToolValue, by maker: PluginMaker = .owner, replaces: Bool = false
  ) async throws -> PluginOutcome {
    let order = PluginOrder(
      recipe: try PluginRecipe(recipe, by: maker), maker: maker, replaces: replaces)
    return try await tools.install(order, origin: maker.isOwner ? .owner : .bridge)
  }

  func call(_ name: String, _ arguments: ToolValue = [:]) async -> ToolEnvelope {
    let envelope = await tools.call(name, arguments: arguments)
    return withExtendedLifetime(ground) { envelope }
  }

  func result(_ name: String, _ arguments: ToolValue = [:]) async throws -> ToolValue {
    switch await call(name, arguments) {
    case .success(let result, _): return result
    case .failure(let failure): throw failure
    }
  }

  func failure(_ name: String, _ arguments: ToolValue = [:]) async throws -> ToolFailure {
    guard case .failure(let failure) = await call(name, arguments) else { throw Unexpected() }
    return failure
  }

  /// What lies in the folder of plugins, without the lock.
  func names() -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter { $0 != ".lock" }
      .sorted()
  }
}

/// Plugins on a shelf, with secrets in memory.
struct HeldPlugins: PluginTools {
  let shelf: PluginShelf
  let all: [String: String]
  let own: [String: [String: String]]
  let mayCreate: Bool

  init(
    _ shelf: PluginShelf, secrets: [String: String], pluginSecrets: [String: [String: String]],
    mayCreate: Bool
  ) {
    self.shelf = shelf
    all = secrets
    own = pluginSecrets
    self.mayCreate = mayCreate
  }

  var installed: [InstalledPlugin] { shelf.contents.plugins }

  func secrets(of plugin: InstalledPlugin) -> [AgentSecret] {
    all.merging(own["\(plugin.id)"] ?? [:]) { $1 }.filter { plugin.recipe.secrets.contains($0.key) }
      .map { AgentSecret(name: $0.key, text: $0.value) }
  }

  func install(
    _ order: PluginOrder, setUp: (AgentPlaces) async throws -> PluginSetup?
  ) async throws -> PluginOutcome {
    try await shelf.install(order, admit: { _ in }, setUp: setUp)
  }
}

/// A recipe with one tool that runs this text.
func recipe(
  _ name: String = "Weather", run: String = "echo sunny", _ more: [String: ToolValue] = [:],
  parameters: ToolValue = [:]
) -> ToolValue {
  let tool: ToolValue = [
    "id": "look", "description": "Looks.", "run": .string(run), "parameters": parameters,
  ]
  return .object(
    ["name": .string(name), "description": "About the weather.", "tools": [tool]].merging(more) { $1 })
}
