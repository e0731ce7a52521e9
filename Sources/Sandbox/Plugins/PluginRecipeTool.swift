/// A tool of a plugin: text for bash, and the arguments that it finds in its environment. No argument is ever a part of the text.
public struct PluginRecipeTool: Hashable, Sendable {
  /// What the names of the variables with arguments begin with.
  static let prefix = "PARAM_"
  /// How long it may run.
  static let time = Duration.seconds(30)
  private static let mostParameters = 32
  /// Bytes of one argument.
  private static let longestArgument = 30_000
  private static let types = ["string", "integer", "number", "boolean", "array", "object"]

  public let id: String
  public let description: String
  public let run: String
  /// What it is called where all tools are.
  public let name: String
  public let parameterNames: [String]
  let json: ToolValue
  let definition: ToolDefinition

  init(_ value: ToolValue, at place: String, of plugin: RecipeID) throws(PluginRefusal) {
    var reader = try RecipeReader(value, at: place)
    let id = try reader.line("id", most: 40, isRequired: true) ?? ""
    guard Self.isName(id, mayHaveHyphens: true) else {
      throw reader.refuse("id", "it has letters, digits, '_' and '-', and begins with a letter")
    }
    name = "\(plugin)_\(id)"
    guard name.utf8.count <= 64 else {
      throw reader.refuse("id", "with the plugin's, it has more than 64 characters: \(name)")
    }
    self.id = id
    description = try reader.text("description", most: 2000, isRequired: true) ?? ""
    run = try reader.text("run", most: CommandDraft.longest, isRequired: true) ?? ""
    let members = try reader.members("parameters")
    guard members.count <= Self.mostParameters else {
      throw reader.refuse("parameters", "there are more than \(Self.mostParameters)")
    }
    var parameters: [ToolSchema.Parameter] = []
    for (name, value) in members {
      guard Self.isName(name) else {
        throw reader.refuse(
          "parameters", "a name has letters, digits and '_', begins with a letter, and is at most 40 long")
      }
      parameters.append(try Self.parameter(name, value, "\(place).parameters.\(name)"))
    }
    parameterNames = members.map(\.0)
    guard Set(parameterNames.map(Self.variable)).count == parameters.count else {
      throw reader.refuse("parameters", "two have the same name in capital letters")
    }
    try reader.requireNothingElse()
    json = value
    definition = ToolDefinition(name, description, parameters)
  }

  private static func parameter(
    _ name: String, _ value: ToolValue, _ place: String
  ) throws(PluginRefusal) -> ToolSchema.Parameter {
    var reader = try RecipeReader(value, at: place)
    let type = try reader.line("type", most: 16) ?? "string"
    let description = try reader.text("description", most: 1000) ?? ""
    let choices = try reader.lines("enum", most: 64, longest: 200)
    let kind: ToolSchema.Kind
    switch type {
    case "string": kind = choices.isEmpty ? .text(longest: longestArgument) : .choice(choices)
    case "integer": kind = .integer(-(1 << 53)...(1 << 53))
    case "number": kind = .number
    case "boolean": kind = .flag
    case "array": kind = .list
    case "object": kind = .object
    default: throw reader.refuse("type", "it is none of \(types.joined(separator: ", "))")
    }
    guard choices.isEmpty || type == "string" else {
      throw reader.refuse("enum", "only strings are chosen from a list")
    }
    var standard: ToolValue?
    if let given = reader.value("default") {
      do {
        standard = try ToolSchema.Parameter(name, kind, "", keepsEmpty: true).take(given)
      } catch {
        throw reader.refuse("default", "it is not \(error.expected ?? "what the type says")")
      }
    }
    try reader.requireNothingElse()
    // What has no default is not left out: the text finds every variable set.
    return ToolSchema.Parameter(
      name, kind, description, isRequired: standard == nil, keepsEmpty: true, standard: standard)
  }

  /// The variables with the arguments of a call.
  func variables(_ arguments: ToolArguments) -> [String: String] {
    Dictionary(arguments.members.map { (Self.variable($0.key), Self.text($0.value)) }) { first, _ in first }
  }

  private static func variable(_ name: String) -> String { prefix + name.uppercased() }

  private static func text(_ value: ToolValue) -> String {
    switch value {
    case .string(let text): text
    default: value.json
    }
  }

  private static func isName(_ text: String, mayHaveHyphens: Bool = false) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 40 else { return false }
    return isLetter(first)
      && text.utf8.allSatisfy { byte in
        isLetter(byte) || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || byte == UInt8(ascii: "_")
          || mayHaveHyphens && byte == UInt8(ascii: "-")
      }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 }

  public static func == (one: PluginRecipeTool, other: PluginRecipeTool) -> Bool {
    one.name == other.name && one.json == other.json
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(json)
  }
}
