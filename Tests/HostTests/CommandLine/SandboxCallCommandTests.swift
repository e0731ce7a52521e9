import Foundation
import Testing

/// The tools and the settings of an agent's sandbox, tried as a person tries them.
@Suite("The commands about an agent's sandbox", .serialized, .timeLimit(.minutes(10)))
struct SandboxCallCommandTests {
  @Test(
    "a call that needs a permission is answered by the owner, and succeeds then; what runs in the background lives on"
  )
  func served() async throws {
    try await Program.run { program in
      #expect(try await program("agent", "create", "Ada").status == 0)
      try await program.serve { _ in
        let listed = try await program("sandbox", "call", "Ada", "--json")
        #expect(listed.list.contains { $0["name"] as? String == "sandbox_exec" })
        let written = try await program(
          "sandbox", "call", "Ada", "sandbox_write_file", "-", input: #"{"path": "note", "content": "x"}"#)
        #expect(written.status == 0, "\(written)")
        let order = #"{"command": "rm note && echo gone"}"#
        let asked = try await program("sandbox", "call", "Ada", "sandbox_exec", order, "--json")
        #expect(asked.status == 3 && asked.json["code"] as? String == "PERMISSION_REQUIRED")
        let id = try #require(asked.json["request"] as? String)
        #expect(try await program("sandbox", "requests").output.contains("| rm note && echo gone"))
        #expect(try await program("sandbox", "approve", id).status == 0)
        let done = try await program("sandbox", "call", "Ada", "sandbox_exec", order, "--json")
        #expect(done.status == 0 && (done.json["result"] as? [String: Any])?["stdout"] as? String == "gone\n")
        // Once is once.
        #expect(try await program("sandbox", "call", "Ada", "sandbox_exec", order).status == 3)

        #expect(try await program("sandbox", "mode", "Ada", "trusted").status == 0)
        let left = try await program(
          "sandbox", "call", "Ada", "sandbox_exec", #"{"argv": ["sleep", "600"], "background": true}"#,
          "--json")
        let pid = try #require((left.json["result"] as? [String: Any])?["pid"] as? String, "\(left)")
        let polled = try await program(
          "sandbox", "call", "Ada", "sandbox_process", #"{"action": "poll", "pid": "\#(pid)"}"#, "--json")
        #expect((polled.json["result"] as? [String: Any])?["alive"] as? Bool == true)
        #expect(try await program("sandbox", "call", "Ada", "sandbox_nothing").status == 4)
        #expect(try await program("sandbox", "call", "Eve", "sandbox_exec").status == 4)
        #expect(try await program("sandbox", "call", "Ada", "sandbox_exec", "{").status == 1)
      }
      // The service has ended what ran, and signed what it wrote down of it.
      let records = try await program("audit", "show", "--json").list
      #expect(records.filter { $0["kind"] as? String == "begun" }.count == 2)
      #expect(records.filter { $0["outcome"] as? String == "serviceEnded" }.count == 1)
      #expect(records.contains { $0["reason"] as? String == "sandbox_exec: PERMISSION_REQUIRED" })
      let verified = try await program("audit", "verify", "--json")
      #expect(verified.json["good"] as? Bool == true && verified.json["unended"] as? Int == 0)
    }
  }

  @Test(
    "without a service the owner's calls have secrets and a record, and what they leave running ends with them"
  )
  func alone() async throws {
    try await Program.run { program in
      #expect(try await program("agent", "create", "Ada").status == 0)
      #expect(
        try await program("agent", "secret", "set", "Ada", "API_KEY", input: "correct-horse").status == 0)
      let said = try await program(
        "sandbox", "call", "Ada", "sandbox_exec", #"{"command": "rm -f x; echo $API_KEY"}"#, "--json")
      #expect(said.status == 0, "\(said)")
      #expect((said.json["result"] as? [String: Any])?["stdout"] as? String == "[REDACTED:API_KEY]\n")
      let left = try await program(
        "sandbox", "call", "Ada", "sandbox_exec", #"{"argv": ["sleep", "600"], "background": true}"#)
      #expect(left.status == 0, "\(left)")
      let tools = try await program(
        "sandbox", "call", "Ada", "sandbox_exec", #"{"command": "true", "tools": ["sandbox_exec"]}"#, "--json"
      )
      #expect(tools.status == 1 && tools.json["code"] as? String == "NO_BRIDGE")
      let records = try await program("audit", "show", "--agent", "Ada", "--json").list
      #expect(
        records.map { $0["kind"] as? String }.filter { $0 != "toolCall" } == [
          "begun", "ended", "begun", "ended",
        ])
      #expect(records.allSatisfy { $0["origin"] as? String == "owner" })
      #expect(try await program("audit", "verify", "--json").json["good"] as? Bool == true)
    }
  }

  @Test(
    "folders, network and limits are said and shown, with a service and without one",
    arguments: [false, true])
  func settings(served: Bool) async throws {
    try await Program.run { program in
      func body() async throws {
        let project = program.home + "/project"
        try FileManager.default.createDirectory(atPath: project, withIntermediateDirectories: false)
        try Data("kept\n".utf8).write(to: URL(filePath: project + "/plan"))
        let granted = try await program("sandbox", "grant", "Ada", project, "--read-only", "--json")
        #expect(granted.status == 0, "\(granted)")
        let seen = try await program(
          "sandbox", "exec", "--agent", "Ada", "--", "sh", "-c",
          "cat /workspace/project/plan; touch /workspace/project/x 2>/dev/null || echo shut")
        #expect(seen.output == "kept\nshut\n", "\(seen)")
        // Granted anew, it may be changed.
        #expect(try await program("sandbox", "grant", "Ada", project, "--name", "plans").status == 0)
        let changed = try await program(
          "sandbox", "exec", "--agent", "Ada", "--", "sh", "-c",
          "echo more > /workspace/plans/new; ls /workspace")
        #expect(changed.output == "agents\nplans\nshared\n", "\(changed)")
        #expect(FileManager.default.fileExists(atPath: project + "/new"))
        #expect(try await program("sandbox", "grant", "Ada", "/etc").status == 1)
        #expect(try await program("sandbox", "network", "Ada", "loopback").status == 0)
        #expect(try await program("sandbox", "network", "Ada", "example.org").status == 2)
        let set = try await program(
          "sandbox", "settings", "Ada", "--memory", "256", "--processes", "100", "--home", "64",
          "--commands", "20",
          "--background", "off")
        #expect(set.status == 0, "\(set)")
        let limits = try await program(
          "sandbox", "exec", "--agent", "Ada", "--", "bash", "-c", "ulimit -d; ulimit -u")
        #expect(limits.output == "262144\n100\n", "\(limits)")
        let said = try await program("sandbox", "settings", "Ada")
        for words in ["loopback", "/workspace/plans is \(project)", "256 MiB", "64 MiB", "20", "off"] {
          #expect(said.output.contains(words), "\(said.output)")
        }
        let json = try await program("sandbox", "settings", "Ada", "--processes", "default", "--json")
        let settings = try #require(json.json["settings"] as? [String: Any], "\(json)")
        #expect(settings["memory"] as? Int == 256 << 20 && settings["processes"] == nil)
        let absurd = try await program("sandbox", "settings", "Ada", "--memory", "17592186044672")
        #expect(absurd.status == 1 && absurd.errors.contains("16 MiB"), "\(absurd)")
        let plugins = try await program("sandbox", "settings", "Ada", "--plugins", "off", "--json")
        #expect((plugins.json["settings"] as? [String: Any])?["mayCreatePlugins"] as? Bool == false)
        #expect(try await program("sandbox", "ungrant", "Ada", project).status == 0)
        #expect(try await program("sandbox", "ungrant", "Ada", "plans").status == 4)
        #expect(try await program("sandbox", "settings", "Ada", "--memory", "much").status == 2)
        #expect(try await program("sandbox", "settings", "Eve").status == 4)
      }
      #expect(try await program("agent", "create", "Ada").status == 0)
      if served { try await program.serve { _ in try await body() } } else { try await body() }
    }
  }
}
