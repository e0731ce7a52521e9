public import Foundation

/// A plugin that is installed for an agent.
public struct InstalledPlugin: Hashable, Sendable {
  public let recipe: PluginRecipe
  /// Who made it, by the host's own word.
  public let maker: PluginMaker
  public let installedAt: Date
  /// What became of its setup; nil where it has none.
  public let setup: PluginSetup?
  /// Its folder on this machine.
  let folder: URL

  public var id: RecipeID { recipe.id }
}

/// How the setup of a plugin went.
public struct PluginSetup: Codable, Hashable, Sendable {
  public let exitCode: Int32
  public let seconds: Double
  /// The end of what it said.
  public let said: String
}

/// What is kept of a plugin beside its code.
struct PluginRecord: Codable {
  /// Of this file.
  var format = 1
  let recipe: ToolValue
  let maker: PluginMaker
  let installedAt: Date
  let setup: PluginSetup?
}

/// A plugin that is to be installed.
public struct PluginOrder: Sendable {
  public let recipe: PluginRecipe
  public let maker: PluginMaker
  /// Whether another plugin of the same id makes room for it.
  public let replaces: Bool

  public init(recipe: PluginRecipe, maker: PluginMaker, replaces: Bool = false) {
    self.recipe = recipe
    self.maker = maker
    self.replaces = replaces
  }
}

/// What became of an order.
public struct PluginOutcome: Sendable {
  public enum Change: String, Codable, Sendable {
    case installed, replaced
    /// It was there as it is.
    case unchanged
  }

  public let plugin: InstalledPlugin
  public let change: Change
  /// What a person may want to know of it.
  public var warnings: [String] = []
}
