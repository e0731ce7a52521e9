/// The plugins of an agent, for its tools.
public protocol PluginTools: Sendable {
  /// Those that are installed now.
  var installed: [InstalledPlugin] { get }
  /// Whether the agent may make some itself.
  var mayCreate: Bool { get }
  /// What a plugin's commands are given of those secrets that its recipe names: its own, and for what it has none of, the agent's.
  func secrets(of plugin: InstalledPlugin) async throws -> [AgentSecret]
  /// Installs a plugin.
  /// - Parameter setUp: runs its setup in these places.
  func install(
    _ order: PluginOrder, setUp: (AgentPlaces) async throws -> PluginSetup?
  ) async throws -> PluginOutcome
}

/// An agent without plugins, which makes none.
public struct NoPlugins: PluginTools {
  public init() {}
  public var installed: [InstalledPlugin] { [] }
  public var mayCreate: Bool { false }
  public func secrets(of plugin: InstalledPlugin) -> [AgentSecret] { [] }
  public func install(
    _ order: PluginOrder, setUp: (AgentPlaces) async throws -> PluginSetup?
  ) throws -> PluginOutcome {
    throw PluginRefusal.notForAgents
  }
}

/// What a plugin's command has in the place of the agent's own.
struct PluginUse: Sendable {
  let launcher: SandboxLauncher
  let secrets: [AgentSecret]
  let calls: HostCalls

  /// - Parameters:
  ///   - places: where its commands are.
  ///   - recipe: what it may have.
  ///   - secrets: what it is given to know.
  ///   - hasHost: whether it has a way to the host, where the agent has one.
  init(
    _ recipe: PluginRecipe, _ maker: PluginMaker, in places: AgentPlaces, secrets: [AgentSecret],
    hasHost: Bool = true, at bench: ToolBench
  ) throws(SandboxError) {
    let context = bench.context
    var profile = context.profile
    profile.network = recipe.network.access(within: profile.network, isOwners: maker.isOwner)
    profile = profile.moved(to: places)
    if !hasHost { profile.bridge = nil }
    launcher = try SandboxLauncher(profile: profile, programs: context.launcher.programs)
    self.secrets = secrets
    calls = HostCalls(
      plugin: recipe.id.description, secrets: Set(recipe.secrets), mayInfer: recipe.mayInfer)
  }
}
