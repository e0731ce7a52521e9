import SecretMemory

/// `sandbox_secret_check`: whether a secret is there. Its value is not told.
struct SecretCheckTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_secret_check", "Say whether the agent has a secret of this name. Its value is never shown.",
    isReadOnly: true, [.init("key", .text(longest: 128), "Its name.", isRequired: true)])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let key = try SecretName.of(arguments)
    let names = try await bench.context.secrets.names()
    return ToolAnswer(["key": .string(key), "exists": .bool(names.contains(key))])
  }
}

/// `sandbox_secret_set`: keeps a secret of the agent, or says that a person has to be asked for it.
struct SecretSetTool: SandboxTool {
  static let name = "sandbox_secret_set"

  let definition = ToolDefinition(
    name,
    "Keep a secret, which commands find in their environment. Without a value, a person is asked for it.",
    [
      .init("key", .text(longest: 128), "Its name, as that of a variable.", isRequired: true),
      .init("description", .text(longest: 1000), "What it is for.", isRequired: true),
      .init("instructions", .text(longest: 4000), "Where a person finds it.", isRequired: true),
      .init("value", .text(longest: AgentSecret.longest), "The value, if it is known."),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let key = try SecretName.of(arguments)
    let description = try arguments.required("description")
    let instructions = try arguments.required("instructions")
    guard let value = arguments.text("value") else {
      return ToolAnswer([
        "action": "secret_prompt", "key": .string(key), "description": .string(description),
        "instructions": .string(instructions),
      ])
    }
    guard !value.utf8.contains(0) else {
      throw ToolFailure.invalid("The value has a NUL byte.", field: "value", expected: "text")
    }
    var bytes = Array(value.utf8)
    let secret = AgentSecret(name: key, value: SecretBytes(taking: &bytes))
    try await bench.context.secrets.set(secret, description: description, instructions: instructions)
    return ToolAnswer(["key": .string(key), "stored": true])
  }

  /// The arguments, as they may be kept.
  static func withoutValue(_ arguments: ToolValue) -> ToolValue {
    switch arguments {
    case .object(var members):
      // Also where they are wrapped in the word of the schema, and whatever kind the value has.
      if members["value"] != nil { members["value"] = "[REDACTED]" }
      if let inner = members["properties"] { members["properties"] = withoutValue(inner) }
      return .object(members)
    case .string(let text):
      // Arguments that are a text of JSON are read before they are kept; what is none may be anything.
      guard let read = try? ToolValue(json: text), case .object = read else { return "[REDACTED]" }
      return .string(withoutValue(read).json)
    default: return arguments
    }
  }
}

private enum SecretName {
  /// The name in the arguments, if commands may have a variable of that name.
  static func of(_ arguments: ToolArguments) throws(ToolFailure) -> String {
    let key = try arguments.required("key")
    if let refusal = VariableRules.refusal(ofName: key) {
      throw .invalid(
        "Argument `key` rejected: \(refusal.sentence)", field: "key",
        expected: "a name of letters, digits and '_' that nothing else has")
    }
    return key
  }
}
