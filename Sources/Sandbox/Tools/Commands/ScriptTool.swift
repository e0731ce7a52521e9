import Glibc

/// `sandbox_run_script`: a script that is written to a file of the sandbox and run from there. Its text is never a part of a
/// command.
struct ScriptTool: SandboxTool {
  static let name = "sandbox_run_script"
  /// The folder in the home with scripts that run.
  static let folder = ".osaurus-scripts"

  private static let interpreters = ["bash": "sh", "sh": "sh", "python3": "py", "node": "js", "perl": "pl"]

  let definition = ToolDefinition(
    name, "Run a script in the sandbox: its text is put into a file there, which is gone afterwards.",
    [
      .init("script", .text(longest: 1 << 20), "The text of the script.", isRequired: true),
      .init(
        "interpreter", .choice(interpreters.keys.sorted()), "What runs it.", standard: "bash"),
      .init("args", .texts(most: 200), "Its arguments."),
      .init("cwd", .text(longest: 4096), "Where it runs; by default the home."),
      .init(
        "timeout", .integer(1...ToolCommand.mostSilence), "Seconds of silence after which it is ended.",
        standard: .number(ToolCommand.standardSilence)),
      .init("network", .flag, "Whether it needs the network; that has to be permitted.", standard: false),
      .tools,
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let script = try arguments.required("script")
    let interpreter = arguments.text("interpreter") ?? "bash"
    let extra = arguments.texts("args") ?? []
    let folder = try arguments.text("cwd").map { try bench.files.path($0, field: "cwd") }
    let name = SandboxFolder.passingName().dropFirst() + "." + (Self.interpreters[interpreter] ?? "txt")
    let path = try bench.files.path("\(Self.folder)/\(name)", field: "script")
    let place = try bench.files.writablePlace(of: path)
    try bench.files.requireRoom(for: script.utf8.count, at: path, in: place)
    try place.replace(path, with: Array(script.utf8), keeps: true)
    defer { try? place.parent(of: path).remove() }
    let options = interpreter == "bash" ? ["--noprofile", "--norc", "-o", "pipefail"] : []
    var command = ToolCommand(
      tool: Self.name, words: [interpreter] + options + [path.text] + extra,
      work: .script(script, interpreter: interpreter, arguments: extra), code: .text(script))
    command.folder = folder
    command.wantsNetwork = arguments.flag("network")
    command.tools = arguments.texts("tools") ?? []
    command.silence = .seconds(arguments.number("timeout") ?? ToolCommand.standardSilence)
    let report = try await bench.run(command)
    return CommandAnswer.of(
      report, folder: folder?.text ?? bench.context.profile.places.home, shell: nil)
  }
}
