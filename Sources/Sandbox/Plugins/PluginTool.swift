/// One tool of an installed plugin.
struct PluginTool: SandboxTool {
  let plugin: InstalledPlugin
  private let tool: PluginRecipeTool

  init(_ plugin: InstalledPlugin, _ tool: PluginRecipeTool) {
    self.plugin = plugin
    self.tool = tool
  }

  var definition: ToolDefinition { tool.definition }

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let secrets = try await bench.context.plugins.secrets(of: plugin)
    let use = try PluginUse(
      plugin.recipe, plugin.maker, in: bench.context.profile.places.ofPlugin(in: plugin.folder),
      secrets: secrets, at: bench)
    var command = ToolCommand(
      tool: tool.name, words: Shell.words(running: tool.run), work: .shell(tool.run), code: .text(tool.run))
    command.folder = try ToolFiles(profile: use.launcher.profile).path(AgentPlaces.pluginCode)
    command.variables = tool.variables(arguments)
    command.time = PluginRecipeTool.time
    command.silence = PluginRecipeTool.time
    command.wantsNetwork = use.launcher.profile.network.policy != nil
    command.plugin = use
    let report = try await bench.run(command)
    var answer = CommandAnswer.of(report, folder: AgentPlaces.pluginCode, shell: nil)
    let missing = plugin.recipe.secrets.filter { name in !secrets.contains { $0.name == name } }
    answer.warnings += missing.map { "The secret \($0), which the plugin asks for, is not set." }
    guard report.exitCode != 0 || report.killedBy != nil else { return answer }
    guard case .object(var said) = answer.result else { return answer }
    said["code"] = report.killedBy == nil ? "TOOL_FAILED" : "TOOL_ENDED"
    said["warnings"] = answer.warnings.isEmpty ? nil : .texts(answer.warnings)
    if report.result.cause == .timeLimit {
      throw ToolFailure(
        .timeout, "The tool did not end within \(PluginRecipeTool.time.components.seconds) seconds.",
        metadata: said)
    }
    throw ToolFailure(
      .executionError, "The tool ended with exit code \(report.exitCode).", metadata: said)
  }
}
