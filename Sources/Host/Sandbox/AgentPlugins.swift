import Foundation
import Keyring
import Sandbox
import SecretMemory
import Stores
import Synchronization

/// The plugins of all agents of this host, each agent's on a shelf of its own, and what is kept of them in the database.
final class AgentPlugins: Sendable {
  private let folders: HostFolders
  private let secrets: AgentSecretStore
  private let config: SandboxConfigStore
  private let shelves = Mutex<[UUID: PluginShelf]>([:])

  init(folders: HostFolders, secrets: AgentSecretStore, config: SandboxConfigStore) {
    self.folders = folders
    self.secrets = secrets
    self.config = config
  }

  func shelf(of agent: UUID) -> PluginShelf {
    shelves.withLock { shelves in
      if let known = shelves[agent] { return known }
      let new = PluginShelf(of: AgentPlaces(agent: agent, in: folders.sandboxes))
      shelves[agent] = new
      return new
    }
  }

  /// The plugins of an agent, for its tools.
  /// - Parameter mayCreate: whether the owner lets it make some.
  func tools(of agent: UUID, mayCreate: Bool) -> any PluginTools {
    ToolPlugins(plugins: self, agent: agent, mayCreate: mayCreate)
  }

  /// Removes a plugin, and what it was given and kept.
  /// - Throws: `PluginRefusal`, and what keeps the database from being written.
  func remove(_ id: String, of agent: UUID) async throws {
    try await shelf(of: agent).remove(id) { try await forget($0, of: agent) }
  }

  /// Forgets an agent that is no more.
  func forget(_ agent: UUID) { shelves.withLock { $0[agent] = nil } }

  /// Sees that a plugin may be installed where another one is, or none.
  fileprivate func admit(_ order: PluginOrder, in place: InstalledPlugin?, of agent: UUID) async throws {
    let id = order.recipe.id
    guard place != nil || shelf(of: agent).has("\(id)") else {
      // One that was removed half, when the host ended in the middle, leaves nothing to the next one.
      return try await forget(id, of: agent)
    }
    guard !order.maker.isOwner else { return }
    // Nobody's code but the owner's comes to what the owner gave this one.
    let isOwners = place?.maker.isOwner ?? true
    guard !isOwners, try await secrets.names(agent: agent, plugin: "\(id)").isEmpty else {
      throw PluginRefusal.ownersOwn(id)
    }
  }

  private func forget(_ id: RecipeID, of agent: UUID) async throws {
    try await secrets.removeAll(of: "\(id)", agent: agent)
    try await config.removeAll(of: "\(id)", agent: agent)
  }

  fileprivate func secrets(of plugin: InstalledPlugin, _ agent: UUID) async throws -> [AgentSecret] {
    let wanted = Set(plugin.recipe.secrets)
    return try await secrets.all(agent: agent, plugin: "\(plugin.id)").filter { wanted.contains($0.key) }
      .map { name, value in
        var value = value
        return AgentSecret(name: name, value: SecretBytes(taking: &value))
      }
  }
}

private struct ToolPlugins: PluginTools {
  let plugins: AgentPlugins
  let agent: UUID
  let mayCreate: Bool

  var installed: [InstalledPlugin] { plugins.shelf(of: agent).contents.plugins }

  func secrets(of plugin: InstalledPlugin) async throws -> [AgentSecret] {
    try await plugins.secrets(of: plugin, agent)
  }

  func install(
    _ order: PluginOrder, setUp: (AgentPlaces) async throws -> PluginSetup?
  ) async throws -> PluginOutcome {
    try await plugins.shelf(of: agent).install(
      order, admit: { try await plugins.admit(order, in: $0, of: agent) }, setUp: setUp)
  }
}
