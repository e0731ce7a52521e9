/// What a tool is, for who offers it to a model.
public struct ToolDefinition: Sendable {
  public let name: String
  public let description: String
  public let schema: ToolSchema
  /// Whether it changes nothing and starts nothing of the agent's.
  public let isReadOnly: Bool

  init(_ name: String, _ description: String, isReadOnly: Bool = false, _ parameters: [ToolSchema.Parameter])
  {
    self.name = name
    self.description = description
    self.isReadOnly = isReadOnly
    schema = ToolSchema(parameters)
  }
}

/// What a tool found out or did.
struct ToolAnswer: Sendable {
  var result: ToolValue
  var warnings: [String] = []

  init(_ result: ToolValue, warnings: [String] = []) {
    self.result = result
    self.warnings = warnings
  }
}

/// One thing that an agent can do in its sandbox.
protocol SandboxTool: Sendable {
  var definition: ToolDefinition { get }
  /// - Throws: ``ToolFailure``, or what says itself what it is (``ToolRefusal``, ``SandboxError``).
  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer
}
