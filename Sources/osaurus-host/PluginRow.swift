import Foundation
import Sandbox

/// A plugin, as the host tells of it.
struct PluginRow: Decodable {
  struct Secret: Decodable {
    let name: String
    let isSet: Bool
  }

  struct Tool: Decodable {
    let name: String
  }

  let id: String
  let agent: String
  let description: String
  let madeBy: PluginMaker
  let installedAt: String
  let network: String
  let secrets: [Secret]
  let tools: [Tool]
  let setup: PluginSetup?
  let recipe: ToolValue?

  var maker: String { madeBy.isOwner ? "you" : "the agent" }

  /// The first line of what it is.
  var line: String {
    let line = description.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return line.count > 60 ? line.prefix(59) + "…" : line
  }

  static func path(_ agent: String, _ plugin: String, secret: String? = nil) -> String {
    AgentRow.path(agent) + "/plugins/" + Owner.pathSegment(plugin)
      + (secret.map { "/secrets/" + Owner.pathSegment($0) } ?? "")
  }
}

/// What a recipe is and wants, for a person to decide on. Somebody else wrote it: nothing in it acts.
enum RecipeLines {
  static func of(_ recipe: PluginRecipe) -> [String] {
    let version = recipe.version.map { " \($0)" } ?? ""
    let author = recipe.author.map { ", by \($0)" } ?? ""
    var lines = [Terminal.bold(VisibleText.escaped("\(recipe.name)\(version)\(author)")) + "  (\(recipe.id))"]
    lines += VisibleText.lines(recipe.description).map { "  \($0)" }
    var facts: [(String, String)] = []
    for tool in recipe.tools { facts.append(("tool", "\(tool.name): \(first(tool.description))")) }
    if let source = recipe.source { facts.append(("from", source)) }
    facts.append(("network", network(recipe.network)))
    facts.append(("secrets", recipe.secrets.isEmpty ? "none" : recipe.secrets.joined(separator: ", ")))
    facts.append(("models", recipe.mayInfer ? "its commands may ask the agent's model" : "none"))
    if !recipe.dependencies.isEmpty { facts.append(("needs", recipe.dependencies.joined(separator: ", "))) }
    if let daemon = recipe.daemon { facts.append(("daemon", daemon.command)) }
    if !recipe.files.isEmpty {
      let size = recipe.files.reduce(0) { $0 + $1.text.utf8.count }
      facts.append(("files", "\(recipe.files.count), \(size) bytes"))
    }
    facts.append(("hash", recipe.contentHash))
    facts.append(("setup", recipe.setup == nil ? "none" : "this runs once, in the sandbox:"))
    let width = facts.map(\.0.count).max() ?? 0
    lines += facts.map { name, value in
      let padding = String(repeating: " ", count: width - name.count + 2)
      return "  \(Terminal.dim(name))\(padding)\(VisibleText.escaped(value))"
    }
    if let setup = recipe.setup { lines += VisibleText.lines(setup).map { "    | \($0)" } }
    return lines
  }

  private static func first(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
  }

  private static func network(_ network: PluginNetwork) -> String {
    switch network {
    case .none: "none"
    case .outbound: "whatever the agent's sandbox reaches"
    case .hosts(let hosts): hosts.map { "\($0):443" }.joined(separator: ", ")
    }
  }
}
