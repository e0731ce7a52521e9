import Foundation
import Keyring
import Stores
import Testing

@testable import Host
@testable import Sandbox

/// The tools of an agent's sandbox in a service: what code in a real sandbox calls of them over the real socket, what the owner is asked,
/// and what the audit has of it.
@Suite("The tools of a service's sandboxes", .serialized, .timeLimit(.minutes(10)))
struct ToolsInSandboxTests {
  /// Runs a script as the agent's own, with these tools; gives what it said, line by line.
  private func lines(
    _ bridge: ServedBridge, _ script: String, tools: [String] = []
  ) async throws -> [String] {
    var order: [String: ToolValue] = ["script": .string(script), "timeout": 300]
    if !tools.isEmpty { order["tools"] = .array(tools.map { .string($0) }) }
    let result = try await result(bridge, "sandbox_run_script", .object(order))
    #expect(result["stderr"]?.string?.contains("osaurus-host: error 5") == false)
    return (result["stdout"]?.string ?? "").split(separator: "\n").map(String.init)
  }

  private func call(
    _ bridge: ServedBridge, _ tool: String, _ arguments: ToolValue, origin: ToolOrigin = .agent
  ) async -> ToolEnvelope {
    await bridge.host.services.sandboxes.call(
      tool, with: Data(arguments.json.utf8), of: bridge.agent, origin: origin)
  }

  private func result(
    _ bridge: ServedBridge, _ tool: String, _ arguments: ToolValue
  ) async throws -> ToolValue {
    switch await call(bridge, tool, arguments) {
    case .success(let result, _): return result
    case .failure(let failure): throw failure
    }
  }

  private func failure(
    _ bridge: ServedBridge, _ tool: String, _ arguments: ToolValue, origin: ToolOrigin = .agent
  ) async throws -> ToolFailure {
    guard case .failure(let failure) = await call(bridge, tool, arguments, origin: origin) else {
      Issue.record("it succeeded")
      throw CancellationError()
    }
    return failure
  }

  /// The records about the agent, each in a word or two.
  private func records(_ bridge: ServedBridge) async throws -> [AuditRecord] {
    let audit = bridge.host.services.audit
    await audit.settle()
    #expect(try await audit.store.verify().isGood)
    return try await audit.store.list(agent: bridge.agent, limit: 500)
  }

  @Test(
    "a script calls exactly those that it was given, with what their schemas take; the audit has all of it")
  func allowlist() async throws {
    try await ServedBridge.run { bridge in
      let script = #"""
        osaurus-host tool call sandbox_write_file '{"path": "note.txt", "content": "from \"inside\""}'
        echo "$?"
        osaurus-host tool call sandbox_write_file '{"path": "note.txt", "contents": 1}'
        echo "$?"
        osaurus-host tool call sandbox_read_file '{"path": "note.txt"}' 2>&1
        echo "$?"
        osaurus-host tool call sandbox_nothing 2>&1
        cat note.txt
        """#
      let said = try await lines(bridge, script, tools: ["sandbox_write_file"])
      try #require(said.count == 8, "\(said)")
      let written = try ToolValue(json: said[0])
      #expect(written["ok"] == true && said[1] == "0")
      let refused = try ToolValue(json: said[2])
      #expect(refused["ok"] == false && refused["kind"] == "invalid_args" && said[3] == "1")
      #expect(refused["message"] == "Unknown argument `contents`." && refused["field"] == "contents")
      #expect(refused["expected"]?.string?.hasPrefix("only `path`, `content`") == true)
      #expect(said[4] == "osaurus-host: error 403: This command may not call the tool 'sandbox_read_file'.")
      #expect(said[5] == "1")
      #expect(said[6] == "osaurus-host: error 403: This command may not call the tool 'sandbox_nothing'.")
      #expect(said[7] == "from \"inside\"")
      // What was given to one command, the next one does not have.
      let none = try await lines(bridge, "osaurus-host tool call sandbox_write_file '{}' 2>&1; true")
      #expect(none.first?.hasPrefix("osaurus-host: error 403: ") == true)

      let records = try await records(bridge)
      let begun = try #require(records.first { $0.event.kind == .begun })
      #expect(begun.event.origin == .agent && begun.event.allowedTools == ["sandbox_write_file"])
      #expect(begun.event.code == CodeDigest(command: script))
      let ended = try #require(records.first { $0.event.kind == .ended })
      #expect(ended.event.about == begun.sequence && ended.event.calledTools == ["sandbox_write_file"])
      let inside = records.filter { $0.event.origin == .bridge }.map {
        "\($0.event.kind) \($0.event.outcome) \($0.event.reason)"
      }
      #expect(
        inside == [
          "toolCall succeeded sandbox_write_file", "refused refused sandbox_write_file: invalid_args",
          "refused refused tool not allowed", "refused refused tool not allowed",
          "refused refused tool not allowed",
        ])
      #expect(records.last?.event.reason == "sandbox_run_script")
    }
  }

  @Test("a command that is started from a sandbox is asked for like any other, and calls no tools itself")
  func nested() async throws {
    try await ServedBridge.run { bridge in
      let script = #"""
        osaurus-host tool call sandbox_exec '{"command": "echo from within"}'
        osaurus-host tool call sandbox_exec '{"command": "rm -r note"}'
        osaurus-host tool call sandbox_exec '{"command": "true", "tools": ["sandbox_exec"]}'
        osaurus-host tool call sandbox_exec '{"argv": ["osaurus-host", "tool", "call", "sandbox_exec"]}'
        osaurus-host tool call sandbox_exec '{"command": "true", "background": true}'
        """#
      let said = try await lines(bridge, script, tools: ["sandbox_exec"]).map { try ToolValue(json: $0) }
      try #require(said.count == 5, "\(said)")
      #expect(said[0]["result"]?["stdout"] == "from within\n")
      #expect(said[1]["code"] == "PERMISSION_REQUIRED" && said[1]["permission"] == "destructive_command")
      #expect(said[2]["code"] == "TOOLS_NOT_NESTED")
      #expect(
        said[3]["result"]?["stderr"]
          == "osaurus-host: error 403: This command may not call the tool 'sandbox_exec'.\n")
      #expect(said[4]["permission"] == "long_timeout")

      let desk = bridge.host.services.permissions
      let waiting = await desk.list().requests.map { $0.permissions.map(\.rawValue) }
      #expect(waiting == [["destructive_command"], ["long_timeout"]])
      let records = try await records(bridge).filter { $0.event.origin == .bridge }
      let code = CodeDigest(command: "rm -r note")
      #expect(
        records.filter { $0.event.code == code }.map(\.event.reason) == ["sandbox_exec: PERMISSION_REQUIRED"])
      #expect(records.filter { $0.event.kind == .begun }.allSatisfy { $0.event.allowedTools.isEmpty })
      #expect(records.filter { $0.event.kind == .begun }.count == 2)
    }
  }

  @Test("a command is given tools that there are, by whoever is no command itself")
  func giving() async throws {
    try await ServedBridge.run { bridge in
      let unknown = try await failure(
        bridge, "sandbox_exec", ["command": "true", "tools": ["sandbox_exec", "Sandbox_exec"]])
      #expect(unknown.kind == .invalidArguments && unknown.field == "tools")
      #expect(unknown.message.contains("`Sandbox_exec`"))
      for origin in [ToolOrigin.bridge, .plugin("p")] {
        let nested = try await failure(
          bridge, "sandbox_exec", ["command": "true", "tools": ["sandbox_exec"]], origin: origin)
        #expect(nested.metadata["code"] == "TOOLS_NOT_NESTED")
      }
      let owner = await call(
        bridge, "sandbox_exec", ["command": "true", "tools": ["sandbox_exec"]], origin: .owner)
      #expect(owner.isSuccess)
      #expect(try await failure(bridge, "sandbox_nothing", [:]).kind == .toolNotFound)
    }
  }

  @Test("secrets are there for commands, hidden again in what is said, and kept by the tool that is for that")
  func secrets() async throws {
    try await ServedBridge.run { bridge in
      let kept = try await result(
        bridge, "sandbox_secret_set",
        ["key": "API_KEY", "description": "d", "instructions": "i", "value": "correct-horse-battery"])
      #expect(kept["stored"] == true)
      let said = try await result(bridge, "sandbox_exec", ["command": "echo $API_KEY"])
      #expect(said["stdout"] == "[REDACTED:API_KEY]\n")
      let other = await bridge.host.services.sandboxes.call(
        "sandbox_secret_check", with: Data(#"{"key": "API_KEY"}"#.utf8), of: bridge.other, origin: .agent)
      #expect(other == .success(["key": "API_KEY", "exists": false]))
    }
  }

  @Test("what the owner says of a sandbox holds from the next command on")
  func settings() async throws {
    try await ServedBridge.run { bridge in
      let services = bridge.host.services
      let folder = services.folders.data.deletingLastPathComponent().appending(path: "project")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data("kept".utf8).write(to: folder.appending(path: "plan"))
      let path = "/control/sandbox/agents/Ada"
      let look = { try await result(bridge, "sandbox_exec", ["command": "cat /workspace/project/plan"]) }
      #expect(try await look()["exit_code"] == 1)
      let granted = try await bridge.host.ask(
        "POST", "\(path)/workspaces", #"{"folder": "\#(folder.path)", "isWritable": false}"#)
      #expect(granted.status == 200, "\(granted)")
      #expect(try await look()["stdout"] == "kept")
      let written = try await failure(
        bridge, "sandbox_write_file", ["path": "/workspace/project/plan", "content": "x"])
      #expect(written.message != "")
      // What lies there now was not granted.
      let aside = folder.deletingLastPathComponent().appending(path: "aside")
      try FileManager.default.moveItem(at: folder, to: aside)
      try FileManager.default.createSymbolicLink(at: folder, withDestinationURL: aside)
      #expect(try await failure(bridge, "sandbox_exec", ["command": "true"]).kind == .rejected)
      try FileManager.default.removeItem(at: folder)
      #expect(try await failure(bridge, "sandbox_exec", ["command": "true"]).kind == .rejected)
      #expect(try await bridge.host.ask("DELETE", "\(path)/workspaces/project").status == 200)
      #expect(try await look()["exit_code"] == 1)
      let reasons = try await records(bridge).map(\.event.reason)
      #expect(reasons.filter { $0 == "workspace" }.count == 2)

      let limited = try await bridge.host.ask(
        "PUT", "\(path)/settings", #"{"processes": 64, "commandsPerTurn": 1, "allowsBackground": false}"#)
      #expect(limited.status == 200, "\(limited)")
      let shut = try await failure(bridge, "sandbox_exec", ["command": "true", "background": true])
      #expect(shut.metadata["code"] == "NO_BACKGROUND")
      // Of several that begin together one is started.
      try await services.sandboxes.toolState(of: bridge.agent).startTurn()
      let together = await withTaskGroup(of: ToolEnvelope.self) { group in
        for _ in 0..<3 { group.addTask { await call(bridge, "sandbox_exec", ["command": "true"]) } }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(together.count(where: \.isSuccess) == 1, "\(together)")
      for case .failure(let failure) in together {
        #expect(failure.metadata["code"] == "COMMAND_LIMIT")
      }
      try await services.sandboxes.toolState(of: bridge.agent).startTurn()
      let counted = try await result(bridge, "sandbox_exec", ["command": "ulimit -u"])
      #expect(counted["stdout"] == "64\n")
      #expect(
        try await bridge.host.ask("PUT", "\(path)/settings", #"{"reset": ["processes", "commandsPerTurn"]}"#)
          .status == 200)
      let standard = try await result(bridge, "sandbox_exec", ["command": "ulimit -u"])
      #expect(standard["stdout"] == "512\n")
    }
  }

  @Test("the network that was granted is asked for each time, and what is connected is in the audit")
  func network() async throws {
    try await ServedBridge.run { bridge in
      let path = "/control/sandbox/agents/Ada/settings"
      let absent = try await failure(bridge, "sandbox_exec", ["command": "true", "network": true])
      #expect(absent.metadata["code"] == "NETWORK_UNAVAILABLE")
      #expect(
        try await bridge.host.ask("PUT", path, #"{"network": "listed.example:443"}"#).status == 200)
      let command = ToolValue.string(
        #"exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n' >&3; head -n 1 <&3"#
      )
      let asked = try await failure(bridge, "sandbox_exec", ["command": command, "network": true])
      #expect(asked.metadata["code"] == "PERMISSION_REQUIRED" && asked.metadata["permission"] == "network")
      try await bridge.host.services.permissionModes.set("dangerous", of: bridge.agent)
      let answered = try await result(bridge, "sandbox_exec", ["command": command, "network": true])
      #expect(answered["stdout"]?.string?.contains(" 403 ") == true, "\(answered)")
      let connections = try await records(bridge).filter { $0.event.kind == .connection }
      #expect(connections.map(\.event.reason) == ["not_listed other.example:443"])
      #expect(connections.first?.event.outcome == .refused && connections.first?.event.origin == .agent)
    }
  }

  @Test("of very many connections the audit has the first ones, and how many more there were")
  func flood() async throws {
    try await WholeHost.run { host in
      let agent = try await host.agent("Ada").id
      func flood() {
        let audit = ConnectionAudit(host.services.audit, agent: agent, origin: .agent)
        for number in 0..<300 {
          audit.note(
            EgressRecord(
              time: Date(), host: "h\(number).example", port: 443, address: nil, outcome: .notListed, sent: 1,
              received: 2, seconds: 0.5))
        }
      }
      flood()
      await host.services.audit.settle()
      let records = try await host.services.audit.store.list(agent: agent, limit: 500)
      #expect(records.count == ConnectionAudit.most + 1)
      #expect(records.first?.event.reason == "not_listed h0.example:443")
      #expect(records.first?.event.duration == 500 && records.first?.event.peakMemory == 3)
      #expect(records.last?.event.reason == "and 44 more")
      #expect(try await host.services.audit.store.verify().isGood)
    }
  }

  @Test("what the owner says is refused where it cannot be, and goes with the agent")
  func refusals() async throws {
    try await WholeHost.run { host in
      let agent = try await host.agent("Ada").id
      let path = "/control/sandbox/agents/Ada"
      for order in [
        "[]", #"{"network": "example.org"}"#, #"{"network": "10.0.0.1:443"}"#, #"{"memory": 1}"#,
        #"{"processes": 1}"#, #"{"processors": 0}"#, #"{"processors": -1}"#, #"{"commandsPerTurn": 0}"#,
        #"{"waived": ["files"]}"#, #"{"waived": ["x"]}"#, #"{"reset": ["network"]}"#,
        #"{"memory": 18446744073709551615}"#,
      ] {
        #expect(try await host.ask("PUT", "\(path)/settings", order).status == 400, "\(order)")
      }
      for folder in ["/etc", "/", "relative", "/no/such/folder", host.services.folders.data.path] {
        let answer = try await host.ask(
          "POST", "\(path)/workspaces", #"{"folder": "\#(folder)", "isWritable": true}"#)
        #expect(answer.status == 400, "\(folder)")
      }
      #expect(try await host.ask("DELETE", "\(path)/workspaces/none").status == 404)
      #expect(try await host.ask("GET", "/control/sandbox/agents/Eve/settings").status == 404)
      #expect(
        try await host.ask("POST", "/control/sandbox/agents/Eve/tools/sandbox_exec", "{}").status == 404)
      let store = host.services.sandboxes.settings
      #expect(try await store.settings(of: agent) == SandboxSettings())
      let set = try await host.ask(
        "PUT", "\(path)/settings",
        #"{"network": "B.example:443,*.c.example:80", "memory": 33554432, "waived": ["landlock"], "mayCreatePlugins": false}"#
      )
      #expect(set.status == 200, "\(set)")
      var expected = SandboxSettings()
      expected.network = "b.example:443,*.c.example:80"
      expected.memory = 32 << 20
      expected.waived = ["landlock"]
      expected.mayCreatePlugins = false
      #expect(try await store.settings(of: agent) == expected)
      #expect(try await host.ask("DELETE", "/control/agents/Ada").status < 300)
      #expect(try await store.settings(of: agent) == SandboxSettings())
    }
  }
}
