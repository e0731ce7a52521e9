import Foundation
import Testing

@testable import Sandbox

@Suite("Tools of plugins")
struct PluginToolTests {
  private static let parameters: ToolValue = [
    "city": ["type": "string", "default": "Lisbon"], "days": ["type": "integer", "default": 3],
    "share": ["type": "number", "default": .double(0.5)], "deep": ["type": "boolean", "default": true],
    "list": ["type": "array", "default": [1, "b"]], "map": ["type": "object", "default": ["a": 1]],
  ]

  @Test("are there with what they take, and get their arguments in their environment alone")
  func arguments() async throws {
    let ground = try PluginGround()
    let text =
      #"printf '[%s]' "$PARAM_CITY" "$PARAM_DAYS" "$PARAM_SHARE" "$PARAM_DEEP" "$PARAM_LIST" "$PARAM_MAP"; echo; pwd"#
    _ = try await ground.install(recipe(run: text, parameters: Self.parameters))
    let definition = try #require(ground.tools.definitions.first { $0.name == "weather_look" })
    #expect(definition.schema.json["required"] == nil)
    let result = try await ground.result("weather_look")
    #expect(result["stdout"] == "[Lisbon][3][0.5][true][[1,\"b\"]][{\"a\":1}]\n/workspace/plugin\n")
    #expect(result["exit_code"] == 0)
    for evil in ["'; id; '", "$(id)", "`id`", "\"; touch /tmp/x; \"", "a\nb", "-n", "", "*", "${PATH}", "\\"]
    {
      let said = try await ground.result("weather_look", ["city": .string(evil)])
      #expect(said["stdout"]?.string?.hasPrefix("[\(evil)][3]") == true, "\(evil)")
    }
    for wrong: ToolValue in [
      ["days": "many"], ["town": "x"], ["city": ["x"]], ["city": "a\u{0}b"], ["deep": 7],
    ] {
      #expect(try await ground.failure("weather_look", wrong).kind == .invalidArguments)
    }
    let long = ToolValue.string(String(repeating: "x", count: 30_001))
    #expect(try await ground.failure("weather_look", ["city": long]).kind == .invalidArguments)
    #expect(try await ground.failure("weather_other").kind == .toolNotFound)
  }

  @Test("have to be given what has no default")
  func required() async throws {
    let ground = try PluginGround()
    _ = try await ground.install(recipe(run: "echo $PARAM_CITY", parameters: ["city": [:]]))
    let failure = try await ground.failure("weather_look")
    #expect(failure.kind == .invalidArguments)
    #expect(failure.field == "city")
    #expect(try await ground.result("weather_look", ["city": "Faro"])["stdout"] == "Faro\n")
  }

  @Test("run in a home of their own, with their code to read and not to change, and not in the agent's home")
  func places() async throws {
    let ground = try PluginGround()
    try Data("private".utf8).write(to: ground.ground.home.appending(path: "note"))
    let text = """
      cat say.txt; ./run.sh; cat ~/note 2>/dev/null; echo $HOME
      touch /workspace/plugin/new 2>/dev/null || echo shut
      (echo x >> say.txt) 2>/dev/null || echo kept
      echo x >> ~/count; wc -l < ~/count; ls /workspace
      """
    _ = try await ground.install(
      recipe(run: text, ["files": ["say.txt": "said\n", "run.sh": "#!/bin/sh\necho ran\n"]]))
    for count in 1...2 {
      let result = try await ground.result("weather_look")
      #expect(
        result["stdout"]
          == .string(
            "said\nran\n\(ground.ground.profile.places.home)\nshut\nkept\n\(count)\nagents\nplugin\nshared\n")
      )
    }
    // The agent's own commands see neither.
    let own = try await ground.result(
      "sandbox_exec",
      ["command": "cat note; ls ~ /workspace; cat /workspace/plugin/say.txt 2>/dev/null || echo none"])
    #expect(own["stdout"]?.string?.contains("private") == true)
    #expect(own["stdout"]?.string?.contains("plugin") == false)
    #expect(own["stdout"]?.string?.hasSuffix("none\n") == true)
  }

  @Test("load nothing that the agent puts where programs look for code")
  func hooks() async throws {
    let ground = try PluginGround(pluginSecrets: ["weather": ["KEY": "correct-horse-battery"]])
    let hook = "import os; open('/workspace/shared/stolen', 'w').write(os.environ.get('KEY', ''))"
    _ = try await ground.result(
      "sandbox_exec",
      [
        "command": .string(
          """
          v=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
          mkdir -p ~/.local/lib/python$v/site-packages; cd ~/.local/lib/python$v/site-packages
          cat > usercustomize.py <<'END'
          \(hook)
          END
          cp usercustomize.py sitecustomize.py; cp usercustomize.py ~/json.py
          echo 'echo "$KEY" > /workspace/shared/stolen' | tee ~/.bashrc ~/.bash_profile ~/.profile > ~/.bash_env
          """)
      ])
    _ = try await ground.install(
      recipe(
        run: "python3 -c 'import json; print(1)'; bash -lc true; cat /workspace/shared/stolen",
        ["secrets": ["KEY"]]))
    let failure = try await ground.failure("weather_look")
    #expect(failure.metadata["stderr"]?.string?.contains("No such file") == true, "\(failure)")
  }

  @Test("are given the secrets that their recipe names, hidden in what they say, and tell which are missing")
  func secrets() async throws {
    let ground = try PluginGround(
      secrets: ["SHARED": "agents-own-value", "OTHER": "nobody-asked-for-it", "BOTH": "the-agents-value"],
      pluginSecrets: ["weather": ["KEY": "correct-horse-battery", "BOTH": "the-plugins-value"]])
    _ = try await ground.install(
      recipe(
        run: "echo $KEY $SHARED $BOTH $OTHER. ${#BOTH}; printf %s \"$KEY\" | rev",
        ["secrets": ["KEY", "SHARED", "BOTH", "MISSING"]]))
    guard case .success(let result, let warnings) = await ground.call("weather_look") else {
      throw Unexpected()
    }
    #expect(
      result["stdout"] == "[REDACTED:KEY] [REDACTED:SHARED] [REDACTED:BOTH] . 17\nyrettab-esroh-tcerroc")
    #expect(warnings == ["The secret MISSING, which the plugin asks for, is not set."])
  }

  @Test("say how they ended, and end after 30 seconds at most")
  func endings() async throws {
    let ground = try PluginGround()
    _ = try await ground.install(recipe(run: "echo out; echo err >&2; false | true; exit 3"))
    let failure = try await ground.failure("weather_look")
    #expect(failure.kind == .executionError)
    #expect(failure.metadata["stdout"] == "out\n")
    #expect(failure.metadata["stderr"] == "err\n")
    #expect(failure.metadata["exit_code"] == 3)
    #expect(ground.told.words == ["called succeeded", "begun", "ended exited 3", "called failed"])
    #expect(ground.told.all[1].origin == .plugin("weather"))
    #expect(ground.told.all[1].code == .text("echo out; echo err >&2; false | true; exit 3"))
    #expect(PluginRecipeTool.time == .seconds(30))
  }

  @Test("reach what the owner said, and an agent's plugin nothing that the agent does not")
  func network() async throws {
    let ground = try PluginGround(change: { $0.network = try NetworkAccess("b.example.org:443") })
    let run = "echo \"${HTTPS_PROXY:-none}\""
    let asks: [String: ToolValue] = ["permissions": ["network": "a.example.org,b.example.org"]]
    let own = try await ground.install(recipe("own", run: run, asks), by: .hostBridge)
    #expect(own.warnings.count == 1)
    #expect(own.warnings[0].contains("a.example.org"))
    #expect(!own.warnings[0].contains("b.example.org"))
    _ = try await ground.install(recipe("owned", run: run, asks))
    _ = try await ground.install(recipe("quiet", run: run))
    _ = try await ground.install(
      recipe("greedy", run: run, ["permissions": ["network": "outbound"]]), by: .hostBridge)
    #expect(try await ground.result("own_look")["stdout"]?.string?.hasPrefix("http://127.0.0.1:") == true)
    #expect(try await ground.result("owned_look")["stdout"]?.string?.hasPrefix("http://127.0.0.1:") == true)
    #expect(try await ground.result("quiet_look")["stdout"] == "none\n")
    #expect(try await ground.result("greedy_look")["stdout"] == "none\n")
  }

  /// Refuses everything, and keeps what it was asked.
  private final class ShutGate: ToolGate {
    struct No: ToolRefusal {
      let act: ToolAct
      var failure: ToolFailure {
        ToolFailure(.rejected, "no", metadata: ["text": .string(act.variables.description)])
      }
    }
    func admit(_ act: ToolAct) throws { throw No(act: act) }
    func admitWrite(_ path: SandboxPath) {}
  }

  @Test("and their setups run only where the gate lets them, which sees their text and their arguments apart")
  func gate() async throws {
    let ground = try PluginGround(gate: { _ in ShutGate() })
    do {
      _ = try await ground.install(recipe("x", ["setup": "echo hi"]))
      Issue.record("installed")
    } catch let refusal as ShutGate.No {
      #expect(refusal.act.tool == "plugin_setup")
      #expect(refusal.act.work == .shell("echo hi"))
    }
    #expect(ground.names() == [])
    _ = try await ground.install(recipe(run: "rm -r \"$PARAM_P\"", parameters: ["p": [:]]))
    let failure = try await ground.failure("weather_look", ["p": "/workspace/shared"])
    #expect(failure.kind == .rejected)
    #expect(failure.metadata["text"]?.string == "[\"PARAM_P\": \"/workspace/shared\"]")
  }

  @Test("are asked about with their arguments, and an approval is for these")
  func approval() async throws {
    let ground = try Ground()
    let desk = PermissionDesk(judgingIn: ground.folder.appending(path: "judge"), modes: { _ in .safe })
    var draft = CommandDraft(.shell("rm -r \"$PARAM_P\""))
    draft.variables = ["PARAM_P": "it's", "PARAM_TOKEN": "plain"]
    #expect(draft.text == "PARAM_P='it'\\''s'\nPARAM_TOKEN=plain\nrm -r \"$PARAM_P\"")
    let needs = try await desk.judge(draft, in: ground.profile)
    #expect(needs.map(\.permission) == [.destructiveCommand])
    var other = draft
    other.variables["PARAM_P"] = "another"
    #expect(other.digest != draft.digest)
    draft.variables["PARAM_P"] = "sk-abcdefabcdefabcdefabcdef0123456789"
    #expect(draft.text.hasPrefix("PARAM_P=[hidden]\n"))
    #expect(
      try await desk.judge(draft, in: ground.profile).map(\.permission) == [
        .destructiveCommand, .sensitiveEnvironment,
      ])
  }
}
