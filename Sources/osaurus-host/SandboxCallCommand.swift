import ArgumentParser
import Foundation
import Sandbox

/// `sandbox call`: one tool, as the agent would call it.
struct SandboxCallCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "call",
    abstract: "Call a tool of an agent's sandbox, as the agent would.",
    discussion: """
      Example: osaurus-host sandbox call Ada sandbox_write_file '{"path": "notes/today.txt", "content": "tea"}'
      Example: osaurus-host sandbox call Ada sandbox_exec '{"command": "ls -la | head"}'
      Example: osaurus-host sandbox call Ada                 (the tools, and what they take)

      The answer is printed as the agent gets it. Exit code 0 when it is ok, 3 when the call is not permitted, 4 when the tool \
      or what it names is not there, and else 1. What is started in the background ends with this command.
      """)

  @Argument(help: "The agent: its name, id or address.") var agent: String
  @Argument(help: "The tool. Without one, all are listed.") var tool: String?
  @Argument(help: ArgumentHelp("What it is called with: a JSON object, or - to read one.", valueName: "json"))
  var arguments = "{}"
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let place = try await SandboxPlace.of(agent)
    let launcher = try SandboxLauncher(profile: SandboxProfile(places: place.places))
    let sessions = CommandSessions()
    let tools = SandboxTools(
      ToolContext(agent: place.agent, launcher: launcher, sessions: sessions))
    guard let tool else { return try list(tools.definitions) }
    let envelope: ToolEnvelope
    do {
      let text = arguments == "-" ? FileHandle.standardInput.readDataToEndOfFile() : Data(arguments.utf8)
      envelope = await tools.call(tool, arguments: try ToolValue(json: text), origin: .owner)
    } catch {
      envelope = .failure(error)
    }
    await sessions.stopAll()
    Terminal.say(output.json ? envelope.json(tool: tool) : Self.pretty(envelope.json(tool: tool)))
    guard case .failure(let failure) = envelope else { return }
    throw ExitCode(Self.status(failure.kind).rawValue)
  }

  private func list(_ definitions: [ToolDefinition]) throws {
    if output.json {
      let rows = definitions.map { definition in
        ToolValue.object([
          "name": .string(definition.name), "description": .string(definition.description),
          "parameters": definition.schema.json,
        ])
      }
      return Terminal.say(ToolValue.array(rows).json)
    }
    var table = Table("TOOL", "WHAT IT DOES")
    for definition in definitions { table.add(definition.name, definition.description) }
    table.show()
  }

  private static func pretty(_ json: String) -> String {
    guard let value = try? JSONSerialization.jsonObject(with: Data(json.utf8)),
      let data = try? JSONSerialization.data(
        withJSONObject: value, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    else { return json }
    return String(decoding: data, as: UTF8.self)
  }

  private static func status(_ kind: ToolFailure.Kind) -> ExitStatus {
    switch kind {
    case .rejected, .userDenied: .notPermitted
    case .notFound, .toolNotFound: .notFound
    case .invalidArguments, .timeout, .executionError, .unavailable: .failed
    }
  }
}
