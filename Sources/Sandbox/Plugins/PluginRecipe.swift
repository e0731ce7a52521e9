import Crypto
public import Foundation

/// A plugin as it is written down: JSON with its tools, their shell text, and what they are to be given. Everything in it was looked at:
/// what is here can be installed, apart from what the sandbox it is meant for lacks.
public struct PluginRecipe: Hashable, Sendable {
  /// The most bytes of its JSON.
  public static let longest = 4 << 20
  /// How many tools it has.
  public static let mostTools = 64

  /// What runs beside its tools, in the background.
  public struct Daemon: Hashable, Sendable {
    public let command: String
    public let environment: [String: String]
  }

  public let id: RecipeID
  public let name: String
  public let description: String
  public let version: String?
  public let author: String?
  public let source: String?
  /// Programs that it needs.
  public let dependencies: [String]
  /// Shell text that runs once, when it is installed.
  public let setup: String?
  /// In the order of their paths.
  public let files: [PluginFile]
  public let tools: [PluginRecipeTool]
  public let daemon: Daemon?
  /// The names of secrets that its commands are given.
  public let secrets: [String]
  /// The types of events that it waits for, and that it tells of.
  public let events: (subscribe: [String], emit: [String])
  public let network: PluginNetwork
  /// Whether its commands may ask models.
  public let mayInfer: Bool
  /// When its author last changed it, as the author says.
  public let modifiedAt: String?
  /// All of it: what it was read from, with unknown members in `metadata`.
  public let json: ToolValue

  /// SHA-256 of all of it but ``modifiedAt``, in hexadecimal digits.
  public var contentHash: String {
    guard case .object(var members) = json else { return "" }
    members["modifiedAt"] = nil
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    // What was read from JSON can be written as JSON.
    let data = (try? encoder.encode(ToolValue.object(members))) ?? Data()
    return SHA256.hash(data: data).digits
  }

  /// Reads a recipe.
  /// - Parameter maker: whose it is; of an agent's, what agents may not have is not taken over.
  /// - Throws: ``PluginRefusal/recipe(field:reason:)`` with the first thing that cannot be taken.
  public init(json: Data, by maker: PluginMaker = .owner) throws(PluginRefusal) {
    guard json.count <= Self.longest else {
      throw .recipe(field: "", reason: "it has more than \(Self.longest >> 20) MiB")
    }
    let value: ToolValue
    do {
      value = try ToolValue(json: json)
    } catch {
      throw .recipe(field: "", reason: "it is no JSON, or nests too deep")
    }
    try self.init(value, by: maker)
  }

  /// - Throws: ``PluginRefusal/recipe(field:reason:)``.
  public init(_ value: ToolValue, by maker: PluginMaker = .owner) throws(PluginRefusal) {
    var reader = try RecipeReader(maker.isOwner ? value : Self.restricted(value, to: maker))
    name = try reader.line("name", most: 64, isRequired: true) ?? ""
    id = try RecipeID(ofName: name)
    description = try reader.text("description", most: 4000, isRequired: true) ?? ""
    version = try reader.line("version", most: 64)
    author = try reader.line("author", most: 200)
    source = try reader.line("source", most: 500)
    dependencies = try reader.lines("dependencies", most: 64, longest: 100)
    guard dependencies.allSatisfy({ PackageName.isName($0, of: "apk") }) else {
      throw .recipe(field: "dependencies", reason: "a name has letters, digits and '. _ + -'")
    }
    let setup = try reader.text("setup", most: CommandDraft.longest)
    self.setup = setup.flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
    files = try reader.files("files")
    tools = try reader.tools("tools", of: id)
    daemon = try reader.daemon("daemon")
    secrets = try reader.secrets("secrets")
    events = try reader.events("events")
    (network, mayInfer) = try reader.permissions("permissions")
    modifiedAt = try reader.date("modifiedAt")
    json = try reader.foldingTheRest(into: "metadata")
  }

  /// What an agent may have of a recipe: no network but what it names host by host, no models, and a word of where it comes from.
  private static func restricted(_ value: ToolValue, to maker: PluginMaker) -> ToolValue {
    guard case .object(var members) = value else { return value }
    var asked: [String: ToolValue] = [:]
    switch members["permissions"] {
    case .object(let permissions)?: asked = permissions
    case nil, .null?: break
    // It is refused for what it is.
    default: return value
    }
    let network = asked["network"]?.string.flatMap { PluginNetwork($0) }
    asked["network"] = "none"
    if case .hosts? = network { asked["network"] = (network?.text).map { .string($0) } }
    asked["inference"] = false
    members["permissions"] = .object(asked)
    var metadata: [String: ToolValue] = [:]
    switch members["metadata"] {
    case .object(let present)?: metadata = present
    case nil, .null?: break
    default: return value
    }
    metadata["created_by"] = "agent"
    metadata["created_via"] = .string(maker.rawValue)
    members["metadata"] = .object(metadata)
    return .object(members)
  }

  public static func == (one: PluginRecipe, other: PluginRecipe) -> Bool { one.json == other.json }
  public func hash(into hasher: inout Hasher) { hasher.combine(json) }
}

/// Who made a plugin, and how it came here.
public enum PluginMaker: String, Codable, Hashable, Sendable {
  case owner
  /// An agent, by its tool.
  case agentTool = "agent_tool"
  /// Code of an agent, over the bridge.
  case hostBridge = "host_bridge"

  public var isOwner: Bool { self == .owner }
}
