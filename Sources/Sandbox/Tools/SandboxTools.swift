import Foundation

/// The tools of one agent's sandbox, for as long as the agent has one: what they share, such as the processes in the background,
/// lives as long.
public final class SandboxTools: Sendable {
  private static let all: [any SandboxTool] = [
    ReadFileTool(), ListFilesTool(), FindFilesTool(), SearchFilesTool(), WriteFileTool(), EditFileTool(),
    MoveFileTool(), DeleteFileTool(), ApplyPatchTool(), ExecTool(), ScriptTool(), ProcessTool(),
    InstallTool(), SecretCheckTool(), SecretSetTool(),
  ]

  private let bench: ToolBench

  public init(_ context: ToolContext) { bench = ToolBench(context) }

  public var definitions: [ToolDefinition] { Self.all.map(\.definition) }

  /// The agent's next turn: what it may start is counted anew.
  public func startTurn() async { await bench.allowance.startTurn() }

  /// Takes back what a patch left half done when the host ended in the middle of it.
  public func recover() async throws { try await bench.patches.recover() }

  /// Calls a tool. Whatever happens is in the answer.
  public func call(_ name: String, arguments: ToolValue, origin: ToolOrigin = .agent) async -> ToolEnvelope {
    let bench = bench.called(by: origin)
    let start = ContinuousClock.now
    var secrets: [AgentSecret] = []
    let envelope: ToolEnvelope
    do {
      guard let tool = Self.all.first(where: { $0.definition.name == name }) else {
        let names = definitions.map { "`\($0.name)`" }.joined(separator: ", ")
        throw ToolFailure(.toolNotFound, "There is no tool of that name.", expected: "one of \(names)")
      }
      let taken = try tool.definition.schema.accept(arguments)
      secrets = try await bench.context.secrets.all()
      let answer = try await tool.run(taken, at: bench.knowing(secrets))
      envelope = .success(answer.result, warnings: answer.warnings)
    } catch {
      envelope = .failure(ToolFailure(error))
    }
    await bench.tell(name, envelope, after: ContinuousClock.now - start)
    let scrubber = OutputScrubber(secrets, onTerminal: false)
    return envelope.mapTexts { scrubber.scrubbed($0) }
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
