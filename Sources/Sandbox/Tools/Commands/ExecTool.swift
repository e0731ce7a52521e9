/// `sandbox_exec`: a command in the agent's sandbox.
struct ExecTool: SandboxTool {
  static let name = "sandbox_exec"
  /// How long a process in the background may run.
  static let backgroundTime = Duration.seconds(24 * 3600)

  let definition = ToolDefinition(
    name,
    "Run a command in the sandbox: text for bash (with pipefail) as command, or a program and its arguments as argv.",
    [
      .init("command", .text(longest: 100 << 10), "Text that bash runs."),
      .init("argv", .texts(most: 1000), "Instead: a program and its arguments; no shell reads them."),
      .init("cwd", .text(longest: 4096), "Where it runs; by default the home."),
      .init(
        "timeout", .integer(1...ToolCommand.mostSilence), "Seconds of silence after which it is ended.",
        standard: .number(ToolCommand.standardSilence)),
      .init(
        "background", .flag, "Let it run on, with a log file; see sandbox_process.", standard: false),
      .init("network", .flag, "Whether it needs the network; that has to be permitted.", standard: false),
      .tools,
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    var command = try Self.command(arguments)
    command.folder = try arguments.text("cwd").map { try bench.files.path($0, field: "cwd") }
    command.silence = .seconds(arguments.number("timeout") ?? ToolCommand.standardSilence)
    command.wantsNetwork = arguments.flag("network")
    let cwd = command.folder?.text ?? bench.context.profile.places.home
    command.tools = arguments.texts("tools") ?? []
    if arguments.flag("background") {
      guard bench.context.allowsBackground else {
        throw ToolFailure(
          .rejected, "The owner lets this agent leave nothing in the background.", field: "background",
          expected: "a command that ends", metadata: ["code": "NO_BACKGROUND"])
      }
      command.isInBackground = true
      command.time = Self.backgroundTime
      let process = try await bench.state.processes.start(command, at: bench)
      return ToolAnswer([
        "pid": .string(process.pid), "log_file": .string(process.log.path), "cwd": .string(cwd),
        "background": true,
      ])
    }
    let report = try await bench.run(command)
    return CommandAnswer.of(report, folder: cwd, shell: arguments.text("command"))
  }

  private static func command(_ arguments: ToolArguments) throws(ToolFailure) -> ToolCommand {
    switch (arguments.text("command"), arguments.texts("argv")) {
    case (let text?, nil):
      guard !text.utf8.contains(0) else {
        throw .invalid("Argument `command` has a NUL byte.", field: "command", expected: "text")
      }
      return ToolCommand(
        tool: name, words: Shell.words(running: text), work: .shell(text), code: .text(text))
    case (nil, let words?):
      guard words.first != "" else {
        throw .invalid(
          "Argument `argv` has no program.", field: "argv", expected: "a program and its arguments")
      }
      return ToolCommand(tool: name, words: words, work: .words(words), code: .words(words))
    default:
      throw .invalid(
        "Give either `command` or `argv`.", field: "command",
        expected: "a string as command, or an array as argv")
    }
  }
}

extension ToolSchema.Parameter {
  /// Which of the agent's tools a command may call.
  static let tools = ToolSchema.Parameter(
    "tools", .texts(most: 64),
    "Exact names of tools that it may call with: osaurus-host tool call NAME '{…}'. None, unless they are named."
  )
}

/// How text is given to bash.
enum Shell {
  /// The text is one word, and the whole of what bash runs.
  static func words(running text: String) -> [String] {
    ["bash", "--noprofile", "--norc", "-o", "pipefail", "-c", text]
  }
}

/// What is answered of a command that ended.
enum CommandAnswer {
  static func of(_ report: ToolCommandReport, folder: String, shell: String?) -> ToolAnswer {
    let output = ToolText.capped(
      report.output, at: ToolText.Limit.standardOutput, hint: "write it to a file and read a part of it")
    let errors = ToolText.capped(
      report.errors, at: ToolText.Limit.standardError, hint: "write it to a file and read a part of it")
    var warnings = hints(report, shell: shell)
    for weakness in report.result.weaknesses {
      warnings.append("Ran without \(weakness.layer.plainWords): \(weakness.detail)")
    }
    return ToolAnswer(
      .members([
        "stdout": .string(output.text), "stderr": .string(errors.text),
        "exit_code": .number(Int(report.exitCode)), "cwd": .string(folder),
        "killed_by": report.killedBy.map { .string($0) },
      ]), warnings: warnings)
  }

  /// What a model tends to overlook.
  static func hints(_ report: ToolCommandReport, shell: String?) -> [String] {
    var hints: [String] = []
    let isSilent = report.output.isEmpty && report.errors.isEmpty
    if let shell, isSilent {
      if shell.contains("2>/dev/null") {
        hints.append(
          "Nothing was printed, and errors went to /dev/null: run it without 2>/dev/null to see why.")
      } else if shell.contains("|") {
        hints.append(
          "Nothing was printed: a part of the pipe may have found nothing; run its parts by themselves.")
      }
    }
    if report.exitCode == 141 {
      hints.append("Exit code 141: a part of the pipe ended before it had read everything (SIGPIPE).")
    }
    switch report.killedBy {
    case "idle_timeout": hints.append("It was ended, because it printed nothing for as long as timeout says.")
    case "time_limit": hints.append("It was ended at its time limit; run long work with background.")
    case "memory": hints.append("It was ended, because it took more memory than it may.")
    case "processes": hints.append("It was ended, because it had more processes than it may.")
    case "disk": hints.append("It was ended, because the disk is nearly full.")
    case "home": hints.append("It was ended, because the home is full: delete what is not needed.")
    case "output": hints.append("It was ended, because it printed more than it may.")
    default: break
    }
    return hints
  }
}
