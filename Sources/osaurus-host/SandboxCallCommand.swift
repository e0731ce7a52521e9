import ArgumentParser
import Foundation
import NIOCore
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
      or what it names is not there, and else 1. The audit has a record of it.

      The running service calls the tool. What needs a permission waits for 'osaurus-host sandbox approve' then, as it would for the \
      agent, and what is started in the background goes on in the service. Without a service nothing is asked for, since it is the \
      owner who calls; code has no way to the host, and what is started in the background ends with this command.
      """)

  @Argument(help: "The agent: its name, id or address.") var agent: String
  @Argument(help: "The tool. Without one, all are listed.") var tool: String?
  @Argument(help: ArgumentHelp("What it is called with: a JSON object, or - to read one.", valueName: "json"))
  var arguments = "{}"
  @OptionGroup var output: OutputOptions

  /// Longer than any tool takes.
  private static let patience = 15

  private struct Listing: Decodable {
    struct Tool: Codable {
      let name: String
      let description: String
      let parameters: ToolValue
    }

    let tools: [Tool]
  }

  private struct Envelope: Decodable {
    let ok: Bool
    let kind: String?
  }

  func run() async throws {
    try await Owner.withConnection { owner in
      guard let tool else { return try await list(owner) }
      let text = arguments == "-" ? FileHandle.standardInput.readDataToEndOfFile() : Data(arguments.utf8)
      let order: ToolValue
      do {
        order = try ToolValue(json: text)
      } catch {
        return try show(Data(ToolEnvelope.failure(ToolFailure(error)).json(tool: tool).utf8))
      }
      let path = PermissionStanding.path(agent, "/tools/\(Owner.pathSegment(tool))")
      try show(try await owner.send("POST", path, order, timeout: .minutes(Int64(Self.patience))).body)
    }
  }

  private func show(_ answer: Data) throws {
    let text = String(decoding: answer, as: UTF8.self)
    Terminal.say(output.json ? text : Self.pretty(text))
    let envelope = try JSONDecoder().decode(Envelope.self, from: answer)
    guard !envelope.ok else { return }
    let kind = envelope.kind.flatMap(ToolFailure.Kind.init(rawValue:)) ?? .executionError
    throw ExitCode(Self.status(kind).rawValue)
  }

  private func list(_ owner: Owner) async throws {
    let answer = try await owner.send("GET", PermissionStanding.path(agent, "/tools"))
    let tools = try answer.decoded(Listing.self).tools
    if output.json { return Terminal.say(JSONText.line(tools)) }
    var table = Table("TOOL", "WHAT IT DOES")
    for tool in tools { table.add(tool.name, tool.description) }
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
