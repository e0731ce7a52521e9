import CIsolation
import Glibc

/// `sandbox_plugin_register`: makes a plugin of what the agent wrote into a folder of its home.
struct PluginRegisterTool: SandboxTool {
  static let name = "sandbox_plugin_register"
  /// The folder in the home with the drafts of plugins.
  static let folder = "plugins"
  static let recipe = "plugin.json"

  let definition = ToolDefinition(
    name,
    """
    Make a plugin of the files in plugins/<plugin_id> of the home: plugin.json is its recipe, with the text of its tools \
    (run, with arguments as $PARAM_<NAME>); the others are its code, which its tools find in the folder that they run in.
    """,
    [
      .init(
        "plugin_id", .text(longest: RecipeID.longest), "Its id, and its folder's name.", isRequired: true),
      .init("replace", .flag, "Whether it takes the place of an earlier one.", standard: false),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let text = try arguments.required("plugin_id")
    guard let id = try? RecipeID(text) else {
      throw ToolFailure.invalid(
        "Argument `plugin_id` rejected: it is no id of a plugin.", field: "plugin_id",
        expected: "small letters, digits and '-', at most \(RecipeID.longest)")
    }
    guard bench.context.plugins.mayCreate else { throw PluginRefusal.notForAgents }
    let draft = try PluginDraft(id, in: bench.files)
    let outcome = try await bench.install(
      PluginOrder(
        recipe: try draft.recipe(by: .agentTool), maker: .agentTool, replaces: arguments.flag("replace")))
    let plugin = outcome.plugin
    return ToolAnswer(
      [
        "status": "installed", "plugin_id": .string("\(plugin.id)"),
        "plugin_name": .string(plugin.recipe.name),
        "tools": plugin.recipe.toolList, "content_hash": .string(plugin.recipe.contentHash),
      ], warnings: outcome.warnings)
  }
}

extension PluginRecipe {
  /// The tools, as whoever made the plugin is told of them.
  public var toolList: ToolValue {
    .array(tools.map { ["name": .string($0.name), "description": .string($0.description)] })
  }
}

/// A plugin as an agent wrote it into its home.
private struct PluginDraft {
  private let id: RecipeID
  private var members: [String: ToolValue] = [:]
  private var files: [String: ToolValue] = [:]
  private var size = 0

  init(_ id: RecipeID, in files: ToolFiles) throws {
    self.id = id
    let folder = try files.path("\(PluginRegisterTool.folder)/\(id)", field: "plugin_id")
    let place = try files.place(of: folder)
    guard try place.entry(folder)?.kind == .folder else {
      throw ToolFiles.missing(folder, field: "plugin_id")
    }
    try read(folder, "", in: place, files, depth: 0)
    guard case .object(let members)? = try recipe(in: folder, place, files) else {
      throw PluginRefusal.recipe(field: "", reason: "plugin.json is no JSON object")
    }
    self.members = members
  }

  /// The recipe with the files beside it.
  func recipe(by maker: PluginMaker) throws -> PluginRecipe {
    var members = members
    var all = files
    if case .object(let named)? = members["files"] { all.merge(named) { $1 } }
    if members["files"] == nil || members["files"] == .null || members["files"]?.isObject == true {
      members["files"] = all.isEmpty ? nil : .object(all)
    }
    let recipe = try PluginRecipe(.object(members), by: maker)
    guard recipe.id == id else {
      throw PluginRefusal.recipe(
        field: "name", reason: "as an id it is '\(recipe.id)', and its folder is '\(id)'")
    }
    return recipe
  }

  private func recipe(
    in folder: SandboxPath, _ place: borrowing SandboxFolder, _ files: ToolFiles
  ) throws -> ToolValue? {
    let path = try files.path("\(folder.text)/\(PluginRegisterTool.recipe)", field: "plugin_id")
    do {
      return try ToolValue(json: try files.text(path, in: place, field: "plugin_id"))
    } catch let failure as ToolFailure where failure.kind == .invalidArguments {
      throw PluginRefusal.recipe(field: "", reason: "plugin.json is no JSON, or nests too deep")
    }
  }

  /// Takes the files of a folder in, through no link.
  private mutating func read(
    _ folder: SandboxPath, _ way: String, in place: borrowing SandboxFolder, _ files: ToolFiles, depth: Int
  ) throws {
    let (entries, isCut) = try place.list(folder, most: PluginFile.most + 1)
    guard !isCut, depth < PluginFile.Path.deepest else {
      throw PluginRefusal.recipe(
        field: "files", reason: "there are more than \(PluginFile.most), or too deep")
    }
    for entry in entries {
      let name = way + entry.name
      if name == PluginRegisterTool.recipe { continue }
      // Looked at before it is a path of anything.
      _ = try PluginFile.Path(name)
      let path = try files.path("\(folder.text)/\(entry.name)", field: "plugin_id")
      switch entry.kind {
      case .folder: try read(path, name + "/", in: place, files, depth: depth + 1)
      case .file:
        let bytes = try place.read(path, limit: PluginFile.longest + 1)
        let file = try PluginFile(name, bytes: bytes)
        size += bytes.count
        guard self.files.count < PluginFile.most, size <= PluginFile.longestOfAll else {
          throw PluginRefusal.recipe(field: "files", reason: "there is too much")
        }
        self.files[name] = .string(file.text)
      default: throw PluginRefusal.recipe(field: "files", reason: "'\(name)' is a link, or no plain file")
      }
    }
  }
}

extension ToolValue {
  fileprivate var isObject: Bool { if case .object = self { true } else { false } }
}
