import Foundation
import Testing

@testable import Sandbox

@Suite("Tools that run commands")
struct CommandToolTests {
  @Test("run text under bash with pipefail, or words that no shell reads")
  func exec() async throws {
    let ground = try ToolGround()
    let shell = try await ground.result("sandbox_exec", ["command": "echo out; echo err >&2; false | cat"])
    #expect(
      shell == ["stdout": "out\n", "stderr": "err\n", "exit_code": 1, "cwd": .string(ground.place)])
    let words = try await ground.result("sandbox_exec", ["argv": ["echo", "$(id)", "; x | y"]])
    #expect(words["stdout"] == "$(id) ; x | y\n")
    _ = try await ground.result("sandbox_exec", ["argv": ["mkdir", "a b"]])
    let folder = try await ground.result("sandbox_exec", ["command": "pwd", "cwd": "a b"])
    #expect(folder["stdout"] == .string("\(ground.place)/a b\n"))
    #expect(folder["cwd"] == .string("\(ground.place)/a b"))
    for arguments: ToolValue in [[:], ["command": "id", "argv": ["id"]], ["argv": []], ["argv": [""]]] {
      #expect(try await ground.failure("sandbox_exec", arguments).kind == .invalidArguments)
    }
    #expect(try await ground.failure("sandbox_exec", ["argv": ["no-such-program"]]).kind == .executionError)
  }

  @Test("end a command that is silent for too long, and say who ended it")
  func silence() async throws {
    let ground = try ToolGround()
    let envelope = await ground.call("sandbox_exec", ["command": "echo begun; sleep 100", "timeout": 1])
    guard case .success(let result, let warnings) = envelope else { throw Unexpected() }
    #expect(result["stdout"] == "begun\n")
    #expect(result["killed_by"] == "idle_timeout")
    #expect(warnings.count == 1)
  }

  @Test("hint at what is overlooked: an empty answer of a pipe, hidden errors, and a pipe that ended early")
  func hints() async throws {
    let ground = try ToolGround()
    func warnings(_ command: String) async throws -> [String] {
      guard case .success(_, let warnings) = await ground.call("sandbox_exec", ["command": .string(command)])
      else {
        throw Unexpected()
      }
      return warnings
    }
    #expect(try await warnings("true | cat").first?.contains("a part of the pipe") == true)
    #expect(try await warnings("ls absent 2>/dev/null").first?.contains("/dev/null") == true)
    #expect(try await warnings("yes | head -n 1").contains { $0.contains("141") })
    #expect(try await warnings("echo x | cat") == [])
    #expect(try await warnings("true") == [])
  }

  @Test("hide the agent's secrets, which commands find in their environment")
  func secrets() async throws {
    let ground = try ToolGround(secrets: ["API": "correct-horse-battery"])
    let result = try await ground.result("sandbox_exec", ["command": "echo $API; test ${#API} = 21; echo $?"])
    #expect(result["stdout"] == "[REDACTED:API]\n0\n")
  }

  @Test("show the beginning and the end of what is said")
  func caps() async throws {
    let ground = try ToolGround()
    let result = try await ground.result(
      "sandbox_exec", ["command": "echo first; head -c 90000 /dev/zero | tr '\\0' x; echo; echo last"])
    let output = try #require(result["stdout"]?.string)
    #expect(output.hasPrefix("first\n"))
    #expect(output.hasSuffix("last\n"))
    #expect(output.contains("[TRUNCATED: "))
    #expect(output.count < 51_000)
  }

  @Test("let a process run on in the background, under a number of the agent's own, with a log")
  func background() async throws {
    let ground = try ToolGround(secrets: ["API": "correct-horse-battery"])
    let started = try await ground.result(
      "sandbox_exec", ["command": "echo begun $API; read -t 100 < /dev/zero; sleep 100", "background": true])
    #expect(started["background"] == true)
    let pid = try #require(started["pid"])
    let log = try #require(started["log_file"]?.string)
    #expect(log.wholeMatch(of: #/\/workspace\/agents\/agent-[0-9a-f-]+\/bg-[0-9a-f]{8}\.log/#) != nil)
    let name = try #require(log.split(separator: "/").last.map(String.init))
    try await eventually { ground.text(name)?.contains("begun") == true }
    #expect(ground.text(name) == "begun [REDACTED:API]\n")
    let poll = try await ground.result("sandbox_process", ["action": "poll", "pid": pid])
    #expect(poll["alive"] == true)
    #expect(poll["log_tail"] == "begun [REDACTED:API]")
    let waited = try await ground.result("sandbox_process", ["action": "wait", "pid": pid, "timeout": 1])
    #expect(waited["timed_out"] == true)
    let killed = try await ground.result("sandbox_process", ["action": "kill", "pid": pid, "force": true])
    #expect(killed["alive"] == false)
    let absent = try await ground.failure("sandbox_process", ["action": "poll", "pid": "99"])
    #expect(absent.kind == .notFound)
    let short = try await ground.result("sandbox_exec", ["command": "exit 3", "background": true])
    let ended = try await ground.result(
      "sandbox_process", ["action": "wait", "pid": try #require(short["pid"]), "timeout": 20])
    #expect(ended["exited"] == true)
    #expect(ended["exit_code"] == 3)
  }

  @Test("run a script from a file that is gone afterwards; its text is never part of a command")
  func scripts() async throws {
    let ground = try ToolGround()
    let script = "printf '%s|' \"$@\"; echo '\"$(id)'; cat /proc/$$/cmdline | tr '\\0' ' '"
    let result = try await ground.result(
      "sandbox_run_script", ["script": .string(script), "args": ["a b", "$(id)", "--x"]])
    let output = try #require(result["stdout"]?.string)
    #expect(output.hasPrefix("a b|$(id)|--x|\"$(id)\n"))
    #expect(!output.contains("printf"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(ground.home.path)/.osaurus-scripts") == [])
    let words = ground.told.all.compactMap(\.code)
    #expect(words == [.text(script), .text(script), .text(script)])
    #expect(
      try await ground.failure("sandbox_run_script", ["script": "x", "interpreter": "/bin/evil"]).field
        == "interpreter")
    let shell = try await ground.result(
      "sandbox_run_script", ["script": "echo $0 | grep -c '[.]sh$'", "interpreter": "SH"])
    #expect(shell["stdout"] == "1\n")
  }

  @Test("install only what is a name, and only where packages can come from")
  func installs() async throws {
    let ground = try ToolGround()
    for name in [
      "-r/etc/passwd", "--index-url=http://x", "a b", "a;id", "../x", "http://x/y.whl", "./x", "a\nb", "",
      "é",
      "git+https://x", "@scope", "a'\u{301}",
    ] {
      for manager in ["pip", "npm", "apk"] {
        let failure = try await ground.failure(
          "sandbox_install", ["manager": .string(manager), "packages": [.string(name)]])
        #expect(failure.field == "packages", "\(manager) \(name)")
      }
    }
    for name in ["requests", "requests==2.31.0", "uvicorn[standard]>=0.20,<1", "zope.interface"] {
      #expect(PackageName.isName(name, of: "pip"))
    }
    for name in ["left-pad", "@types/node", "@types/node@20.1.0", "react@^18"] {
      #expect(PackageName.isName(name, of: "npm"))
    }
    let network = try await ground.failure("sandbox_install", ["manager": "pip", "packages": ["requests"]])
    #expect(network.kind == .unavailable)
    #expect(network.metadata["permission"] == "network")
    #expect(network.metadata["how_to_ask"] != nil)
    let command = try await ground.failure("sandbox_exec", ["command": "id", "network": true])
    #expect(command.metadata["code"] == "NETWORK_UNAVAILABLE")
    let system = try await ground.failure("sandbox_install", ["manager": "apk", "packages": ["curl"]])
    #expect(system.kind == .unavailable)
    #expect(!system.isRetryable)
    for manager in ["pip", "npm"] {
      #expect(InstallTool.words(manager, ["a", "b"]).suffix(3) == ["--", "a", "b"])
    }
    let turn = InstallTurn()
    try await turn.begin()
    await #expect(throws: ToolFailure.self) { try await turn.begin() }
    await turn.end()
    try await turn.begin()
  }

  @Test("are counted in a turn; a refused one neither counts nor makes the turn longer")
  func allowance() async throws {
    let allowance = CommandAllowance(most: 2)
    let start = ContinuousClock.now
    try await allowance.take(now: start)
    try await allowance.take(now: start + .seconds(14))
    for second in 15...28 {
      await #expect(throws: ToolFailure.self) { try await allowance.take(now: start + .seconds(second)) }
    }
    try await allowance.take(now: start + .seconds(30))
    try await allowance.take(now: start + .seconds(30))
    await #expect(throws: ToolFailure.self) { try await allowance.take(now: start + .seconds(30)) }
    await allowance.startTurn()
    try await allowance.take(now: start + .seconds(30))
    try await allowance.take(now: start + .seconds(30))
    await allowance.giveBack()
    try await allowance.take(now: start + .seconds(30))
    await #expect(throws: ToolFailure.self) { try await allowance.take(now: start + .seconds(30)) }
    try await allowance.take(atMost: 3, now: start + .seconds(30))
    await #expect(throws: ToolFailure.self) {
      try await allowance.take(atMost: 1, now: start + .seconds(30))
    }
  }

  @Test("start nothing that is not permitted or cannot be kept in the audit, and tell it of all else")
  func gate() async throws {
    let ground = try ToolGround(gate: { _ in ShutGate() })
    let envelope = await ground.call("sandbox_exec", ["command": "touch made"])
    #expect(
      envelope.json(tool: "sandbox_exec")
        == #"{"code":"PERMISSION_REQUIRED","kind":"rejected","message":"Ask.","ok":false,"permission":"network","retryable":true,"tool":"sandbox_exec"}"#
    )
    #expect(ground.told.words == ["refused PERMISSION_REQUIRED"])
    #expect(try await ground.failure("sandbox_write_file", ["path": "f", "content": "x"]).message == "Ask.")
    #expect(try ground.names() == [])
    let deaf = try ToolGround(audit: FullAudit())
    #expect(try await deaf.failure("sandbox_exec", ["command": "touch made"]).kind == .unavailable)
    #expect(try deaf.names() == [])
    let open = try ToolGround()
    _ = try await open.result("sandbox_exec", ["command": "exit 3"])
    _ = try await open.result("sandbox_list_files", [:])
    _ = await open.call("sandbox_list_files", ["path": "../x"])
    _ = await open.call("no_such_tool", [:])
    #expect(
      open.told.words == [
        "begun", "ended exited 3", "called succeeded", "called succeeded", "refused invalid_args",
      ])
    #expect(open.told.all.first?.code == .text("exit 3"))
    #expect(open.told.all.allSatisfy { $0.agent == open.ground.agent && $0.origin == .agent })
  }
}

@Suite("The permission desk before a tool")
struct DeskGateTests {
  @Test("is asked what a command, a script and a package need, and says in the answer how to ask")
  func asked() async throws {
    let ground = try ToolGround(gate: { ground in
      let desk = PermissionDesk(judgingIn: ground.folder.appending(path: "judge"), modes: { _ in .safe })
      return DeskGate(desk, for: ground.agent, in: ground.profile)
    })
    for (tool, arguments) in [
      ("sandbox_exec", ["command": "echo x; rm -rf /workspace/shared/a"]),
      ("sandbox_exec", ["argv": ["rm", "-rf", "/workspace/shared/a"]]),
      ("sandbox_run_script", ["script": "print(1)", "interpreter": "python3"]),
    ] as [(String, ToolValue)] {
      let failure = try await ground.failure(tool, arguments)
      #expect(failure.kind == .rejected)
      #expect(failure.isRetryable)
      #expect(failure.metadata["code"] == "PERMISSION_REQUIRED")
      #expect(failure.metadata["permission"] != nil)
      #expect(failure.metadata["how_to_ask"]?.string?.contains("sandbox requests") == true)
      #expect(failure.metadata["needs"]?.elements?.first?["evidence"]?.elements?.isEmpty == false)
    }
    #expect(try await ground.failure("sandbox_exec", ["command": "if"]).field == "command")
    #expect(try await ground.result("sandbox_exec", ["command": "echo x"])["stdout"] == "x\n")
    #expect(ground.told.words.filter { $0 == "begun" }.count == 1)
  }
}

@Suite("Tools for secrets")
struct SecretToolTests {
  @Test("keep a value that is never shown again, or say that a person is to be asked")
  func secrets() async throws {
    let ground = try ToolGround()
    let prompt = try await ground.result(
      "sandbox_secret_set", ["key": "API", "description": "d", "instructions": "i"])
    #expect(prompt == ["action": "secret_prompt", "key": "API", "description": "d", "instructions": "i"])
    #expect(try await ground.result("sandbox_secret_check", ["key": "API"])["exists"] == false)
    let arguments: ToolValue = [
      "key": "API", "description": "d", "instructions": "i", "value": "correct-horse-battery",
    ]
    _ = try await ground.result("sandbox_secret_set", arguments)
    #expect(
      try await ground.result("sandbox_secret_check", ["key": "API"]) == ["key": "API", "exists": true])
    let shown = try await ground.result("sandbox_exec", ["command": "echo $API"])
    #expect(shown["stdout"] == "[REDACTED:API]\n")
    for name in ["PATH", "LD_PRELOAD", "VIRTUAL_ENV", "OSAURUS_PLUGIN", "a b", "BASH_ENV"] {
      #expect(try await ground.failure("sandbox_secret_check", ["key": .string(name)]).field == "key")
    }
  }

  @Test("leave no value in what is kept of a call")
  func redaction() throws {
    let spelled: [ToolValue] = [
      ["key": "K", "value": "hush-hush"], ["properties": ["key": "K", "value": "hush-hush"]],
      ["key": "K", "value": ["hush-hush"]], .string(#"{"key":"K","value":"hush-hush"}"#),
      .string("hush-hush"),
    ]
    for arguments in spelled {
      let kept = SandboxTools.redacted("sandbox_secret_set", arguments).json
      #expect(!kept.contains("hush"))
      #expect(kept.contains("[REDACTED]"))
    }
    #expect(SandboxTools.redacted("sandbox_exec", ["value": "x"]) == ["value": "x"])
  }
}

private struct ShutGate: ToolGate {
  struct Required: ToolRefusal {
    var failure: ToolFailure {
      ToolFailure(
        .rejected, "Ask.", isRetryable: true,
        metadata: ["code": "PERMISSION_REQUIRED", "permission": "network"])
    }
  }

  func admit(_ act: ToolAct) throws { throw Required() }
  func admitWrite(_ path: SandboxPath) throws { throw Required() }
}

private struct FullAudit: ToolAudit {
  func record(_ event: ToolEvent) throws -> Int64 { throw Unexpected() }
}
