/// `sandbox_process`: looks at a process in the background, waits for it, or ends it.
struct ProcessTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_process", "Look at a process in the background, wait for its end, or end it.",
    [
      .init("action", .choice(["poll", "wait", "kill"]), "What to do.", isRequired: true),
      .init("pid", .text(longest: 20), "Its number, from sandbox_exec.", isRequired: true),
      .init("timeout", .integer(1...300), "For wait: the most seconds.", standard: 60),
      .init("tail_lines", .integer(1...200), "How many of the last lines of its log to show.", standard: 40),
      .init("force", .flag, "For kill: do not ask it to end first.", standard: false),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let process = try await bench.state.processes.process(arguments.required("pid"))
    let session = process.session
    var result: [String: ToolValue] = [:]
    switch arguments.text("action") {
    case "wait":
      await session.wait(atMost: .seconds(arguments.number("timeout") ?? 60))
      result["exited"] = .bool(session.isOver)
      result["timed_out"] = .bool(!session.isOver)
    case "kill":
      if arguments.flag("force") { session.signal(9) }
      session.terminate()
      await session.wait(atMost: .seconds(20))
    default: break
    }
    result["pid"] = .string(process.pid)
    result["alive"] = .bool(!session.isOver)
    result["log_file"] = .string(process.log.path)
    result["log_tail"] = .string(process.log.tail(arguments.number("tail_lines") ?? 40))
    switch session.snapshot().phase {
    case .ended(let ended):
      result["exit_code"] = .number(Int(ended.status))
      if ended.cause != .itself { result["killed_by"] = .string(ended.cause.rawValue) }
    case .failed(let error): result["error"] = .string("\(error)")
    case .starting, .running: break
    }
    return ToolAnswer(.object(result))
  }
}
