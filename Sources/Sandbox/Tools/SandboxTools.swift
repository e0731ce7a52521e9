import Foundation

/// The tools of one agent's sandbox, as it is now. What lasts from call to call, such as the processes in the background, is in
/// their ``ToolState``.
public final class SandboxTools: Sendable {
  private static let all: [any SandboxTool] = [
    ReadFileTool(), ListFilesTool(), FindFilesTool(), SearchFilesTool(), WriteFileTool(), EditFileTool(),
    MoveFileTool(), DeleteFileTool(), ApplyPatchTool(), ExecTool(), ScriptTool(), ProcessTool(),
    InstallTool(), SecretCheckTool(), SecretSetTool(),
  ]
  /// Those of the host's own, then those of the agent's plugins.
  private var tools: [any SandboxTool] {
    let plugins = bench.context.plugins
    return Self.all + (plugins.mayCreate ? [PluginRegisterTool()] : [])
      + plugins.installed.flatMap { plugin in plugin.recipe.tools.map { PluginTool(plugin, $0) } }
  }

  private let bench: ToolBench

  /// - Parameter state: what earlier calls left; by default nothing.
  public init(_ context: ToolContext, _ state: ToolState = ToolState()) {
    bench = ToolBench(context, state)
  }

  public var definitions: [ToolDefinition] { tools.map(\.definition) }

  /// Takes back what a patch left half done when the host ended in the middle of it.
  public func recover() async throws { try await bench.patches.recover() }

  /// Calls a tool. Whatever happens is in the answer.
  public func call(_ name: String, arguments: ToolValue, origin: ToolOrigin = .agent) async -> ToolEnvelope {
    let tool = tools.first { $0.definition.name == name }
    let plugin = (tool as? PluginTool)?.plugin
    let bench = bench.called(
      by: plugin.map { .plugin($0.id.description) } ?? origin, among: definitions.map(\.name))
    let start = ContinuousClock.now
    var secrets: [AgentSecret] = []
    let envelope: ToolEnvelope
    do {
      guard let tool else {
        let names = definitions.map { "`\($0.name)`" }.joined(separator: ", ")
        throw ToolFailure(.toolNotFound, "There is no tool of that name.", expected: "one of \(names)")
      }
      let taken = try tool.definition.schema.accept(arguments)
      secrets = try await bench.context.secrets.all()
      if let plugin { secrets += try await bench.context.plugins.secrets(of: plugin) }
      let answer = try await tool.run(taken, at: bench.knowing(secrets))
      envelope = .success(answer.result, warnings: answer.warnings)
    } catch {
      envelope = .failure(ToolFailure(error))
    }
    await bench.tell(name, envelope, after: ContinuousClock.now - start)
    let scrubber = OutputScrubber(secrets, onTerminal: false)
    return envelope.mapTexts { scrubber.scrubbed($0) }
  }

  /// Installs a plugin for the agent, by the owner's word or the agent's own.
  /// - Throws: ``PluginRefusal``, and what else a command is refused with (``ToolRefusal``, ``SandboxError``).
  public func install(_ order: PluginOrder, origin: ToolOrigin) async throws -> PluginOutcome {
    guard order.maker.isOwner || bench.context.plugins.mayCreate else { throw PluginRefusal.notForAgents }
    return try await bench.called(by: origin).install(order)
  }

  /// What may be kept of a call: the value of a secret is not.
  public static func redacted(_ name: String, _ arguments: ToolValue) -> ToolValue {
    guard name == SecretSetTool.name else { return arguments }
    return SecretSetTool.withoutValue(arguments)
  }
}

extension OutputScrubber {
  /// A whole text, with every known secret hidden.
  func scrubbed(_ text: String) -> String {
    guard !isIdle else { return text }
    var passing = self
    var bytes = passing.pass(Array(text.utf8))
    bytes += passing.finish()
    return String(decoding: bytes, as: UTF8.self)
  }
}
