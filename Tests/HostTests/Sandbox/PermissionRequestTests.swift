import Foundation
import Keyring
import Sandbox
import Stores
import Testing

@testable import Host
@testable import osaurus_host

/// What agents' commands ask for, from the asking to the owner's word, with a service and the program that people use.
@Suite("Permissions that agents ask for", .serialized, .timeLimit(.minutes(10)))
struct PermissionRequestTests {
  /// An agent in a host that is served, and the program in the same home.
  private struct Scene: Sendable {
    let host: WholeHost
    let doors: WholeHost.Doors
    let agent: UUID
    let profile: SandboxProfile
    let program: Program

    /// What stands in the way of a command; nil when nothing does.
    func ask(_ words: String...) async throws -> PermissionRequired? {
      do {
        try await host.services.permissions.authorise(CommandDraft(.words(words)), for: agent, in: profile)
        return nil
      } catch let error as PermissionRequired {
        return error
      }
    }
  }

  private func serve(_ body: @escaping @Sendable (Scene) async throws -> Void) async throws {
    try await WholeHost.serve { host, doors in
      let agent = try await host.agent("Ada").id
      let data = host.services.folders.data
      let profile = SandboxProfile(places: AgentPlaces(agent: agent, in: data.appending(path: "sandbox")))
      let program = Program(home: data.deletingLastPathComponent().path)
      try await body(Scene(host: host, doors: doors, agent: agent, profile: profile, program: program))
    }
  }

  @Test("a command that needs a permission is shown to the owner, allowed once, and asked for again")
  func once() async throws {
    try await serve { scene in
      let nothing = try await scene.program("sandbox", "requests")
      #expect(nothing.output.contains("Nothing waits"))
      let required = try #require(try await scene.ask("rm", "-r", "build"))
      let id = try #require(required.request)
      let unseen = try await scene.program("sandbox", "approve", id)
      #expect(unseen.status == 1 && unseen.errors.contains("sandbox requests"))
      let listed = try await scene.program("sandbox", "requests", "--json")
      #expect(listed.list.first?["id"] as? String == id)
      #expect(listed.list.first?["command"] as? String == "rm -r build")
      #expect(listed.list.first?["agent"] as? String == "Ada")
      #expect(listed.list.first?["permissions"] as? [String] == ["destructive_command"])
      let shown = try await scene.program("sandbox", "requests")
      #expect(shown.output.contains("Ada asks to run:") && shown.output.contains("  | rm -r build"))
      #expect(shown.output.contains("sandbox approve \(id)"))
      let approved = try await scene.program("sandbox", "approve", id)
      #expect(approved.status == 0 && approved.output.contains("Allowed once"))
      #expect(try await scene.program("sandbox", "approve", id).status == 4)
      #expect(try await scene.ask("rm", "-r", "other") != nil)
      #expect(try await scene.ask("rm", "-r", "build") == nil)
      #expect(try await scene.ask("rm", "-r", "build")?.request != id)
    }
  }

  @Test("the session, a time, a denial and taking it back")
  func others() async throws {
    try await serve { scene in
      let first = try #require(try await scene.ask("rm", "a")?.request)
      _ = try await scene.program("sandbox", "requests")
      #expect(try await scene.program("sandbox", "approve", first, "--session").status == 0)
      #expect(try await scene.ask("rm", "b") == nil)
      let second = try #require(try await scene.ask("curl", "a")?.request)
      let denied = try await scene.program("sandbox", "deny", second, "--json")
      #expect(denied.json["status"] as? String == "denied")
      await #expect(throws: PermissionDenied.self) { try await scene.ask("curl", "a") }
      let third = try #require(try await scene.ask("curl", "b")?.request)
      _ = try await scene.program("sandbox", "requests")
      let timed = try await scene.program("sandbox", "approve", third, "--for", "1h", "--json")
      #expect(timed.json["status"] as? String == "granted")
      #expect(try await scene.ask("wget", "c") == nil)
      let standing = try await scene.program("sandbox", "mode", "Ada", "--json")
      let held = try #require(standing.list.first?["permissions"] as? [[String: Any]])
      #expect(held.map { $0["permission"] as? String } == ["destructive_command", "network"])
      #expect(held.first?["endsAt"] == nil && held.last?["endsAt"] != nil)
      #expect(try await scene.program("sandbox", "revoke", "Ada").status == 0)
      #expect(try await scene.ask("rm", "b") != nil)
      let bad = try await scene.program("sandbox", "approve", third, "--for", "2d")
      #expect(bad.status == 2)
      #expect(try await scene.program("sandbox", "approve", third, "--once", "--session").status == 2)
      #expect(try await scene.program("sandbox", "deny", "nothing").status == 4)
      // Every word of the owner's is recorded, before it counts.
      await scene.host.services.audit.settle()
      let kept = try await scene.host.services.audit.store.list(agent: scene.agent).map(\.event)
        .filter { $0.kind == .permission }
      #expect(
        kept.map { "\($0.reason) \($0.outcome)" } == [
          "destructive_command (session) granted", "network denied", "network (3600 s) granted", "all denied",
        ])
    }
  }

  @Test("the mode of an agent is kept, counts at once, and dangerous is said on purpose")
  func modes() async throws {
    try await serve { scene in
      #expect(try await scene.ask("python3", "-c", "x") != nil)
      let set = try await scene.program("sandbox", "mode", "Ada", "trusted")
      #expect(set.status == 0 && set.output.contains("Ada is trusted."))
      #expect(try await scene.ask("python3", "-c", "x") == nil)
      #expect(try await scene.ask("sudo", "ls") != nil)
      let careless = try await scene.program("sandbox", "mode", "Ada", "dangerous")
      #expect(careless.status == 2)
      #expect(try await scene.program("sandbox", "mode", "Ada", "dangerous", "--yes").status == 0)
      #expect(try await scene.ask("sudo", "ls") == nil)
      #expect(try await scene.program("sandbox", "mode", "Ada", "kind").status == 2)
      #expect(try await scene.program("sandbox", "mode", "Nobody", "safe").status == 4)
      #expect(try await scene.host.services.permissionModes.mode(of: scene.agent) == "dangerous")
      let kept = try await scene.host.services.audit.store.list(agent: scene.agent).map(\.event.reason)
      #expect(kept == ["mode trusted", "mode dangerous"])
    }
  }

  @Test("what an agent wrote acts on no terminal, and all of it is shown")
  func escaping() async throws {
    try await serve { scene in
      _ = try await scene.ask("rm", "\u{1b}[2Jx\u{202e}y\u{9b}z\r", "second\nline")
      let shown = try await scene.program("sandbox", "requests")
      #expect(shown.output.contains("\\u{1b}[2Jx\\u{202e}y\\u{9b}z\\u{d}"))
      #expect(shown.output.contains("  | line"))
      for scalar in ["\u{1b}", "\u{202e}", "\u{9b}", "\r"] { #expect(!shown.output.contains(scalar)) }
      let listed = try await scene.program("sandbox", "requests", "--json")
      #expect((listed.list.first?["command"] as? String)?.contains("\u{1b}") == true)
    }
  }

  @Test("only the owner's socket takes a word, and refuses what is no order")
  func door() async throws {
    try await serve { scene in
      let id = try #require(try await scene.ask("rm", "a")?.request)
      for path in ["requests", "agents", "changes"] {
        #expect(try await scene.doors.tcp.ask("GET", "/control/sandbox/\(path)").status >= 400)
      }
      #expect(
        try await scene.doors.tcp.ask("POST", "/control/sandbox/requests/\(id)/approve", "{}").status >= 400)
      _ = try await scene.doors.control.ask("GET", "/control/sandbox/requests")
      for body in [
        "[]", #"{"scope":"ever"}"#, #"{"scope":"time"}"#, #"{"scope":"once","seconds":1}"#,
        #"{"scope":"time","seconds":0}"#, #"{"scope":"time","seconds":-9223372036854775808}"#,
        #"{"scope":"time","seconds":9223372036854775807}"#,
      ] {
        let answer = try await scene.doors.control.ask(
          "POST", "/control/sandbox/requests/\(id)/approve", body)
        #expect(answer.status == 400, "\(body): \(answer.text)")
      }
      let escape = try await scene.doors.control.ask("POST", "/control/sandbox/requests/%1b%5b2J/deny", "")
      #expect(escape.status == 404 && !escape.text.contains("\u{1b}"))
      #expect(try await scene.ask("rm", "a")?.request == id)
    }
  }

  @Test("a watcher hears of a request when it comes")
  func watching() async throws {
    try await serve { scene in
      let before = try await scene.doors.control.ask("GET", "/control/sandbox/requests")
      let revision = try #require(before.json["revision"] as? Int)
      async let heard = scene.doors.control.ask("GET", "/control/sandbox/changes?after=\(revision)")
      let id = try #require(try await scene.ask("rm", "a")?.request)
      let requests = try await heard.json["requests"] as? [[String: Any]]
      #expect(requests?.first?["id"] as? String == id)
    }
  }

  @Test("judge says what an agent would need, and refuses what no shell would run")
  func judge() async throws {
    try await serve { scene in
      let needs = try await scene.program("sandbox", "judge", "curl -s x | sh", "--agent", "Ada", "--json")
      #expect(needs.json["asks"] as? [String] == ["network", "inline_script"], "\(needs)")
      #expect(needs.json["mode"] as? String == "safe")
      let words = try await scene.program("sandbox", "judge", "--", "rm", "-r", "x")
      #expect(words.output.contains("destructive_command: to remove or overwrite things"))
      #expect(words.output.contains("the owner is asked for: destructive_command"))
      #expect(try await scene.program("sandbox", "judge", "ls").output == "It needs no permission.\n")
      let wrong = try await scene.program("sandbox", "judge", "if", "--json")
      #expect(wrong.status == 1 && wrong.code == "invalid_args")
    }
  }

  @Test("nothing is asked or answered without the service")
  func stopped() async throws {
    try await Program.run { program in
      for command in [["requests"], ["approve", "x"], ["deny", "x"]] {
        let outcome = try await program.run(["sandbox"] + command)
        #expect(outcome.status == 5)
      }
      let made = try await program("agent", "create", "Ada")
      #expect(made.status == 0)
      let set = try await program("sandbox", "mode", "Ada", "trusted")
      #expect(set.status == 0)
      let shown = try await program("sandbox", "mode")
      #expect(shown.output.contains("trusted"))
    }
  }

  // MARK: The question

  private static func row(_ id: String) -> PermissionRequestRow {
    PermissionRequestRow(id: id, agent: "Ada", command: "rm x", needs: [], askedAt: "", endsAt: "")
  }

  @Test("at a terminal one request is asked about at a time, and only whole words decide")
  func prompt() {
    var prompt = PermissionPrompt()
    let (one, two) = (Self.row("one"), Self.row("two"))
    let asking: [PermissionPrompt.Act] = [.dropInput, .say(PermissionPrompt.question)]
    #expect(prompt.take(.line("once")) == [])
    #expect(prompt.take(.waiting([one, two])) == [.show(one)] + asking)
    #expect(prompt.take(.waiting([one, two])) == [])
    for line in ["", "y", "on", "1x"] {
      #expect(prompt.take(.line(line)) == [.say(PermissionPrompt.question)])
    }
    let hour = PermissionOrder(scope: "time", seconds: 3600)
    #expect(prompt.take(.line(" 1h ")) == [.decide(id: "one", hour), .show(two)] + asking)
    #expect(prompt.take(.waiting([])) == [.say("\nIt does not wait any more.")])
    #expect(prompt.take(.waiting([one])) == [.show(one)] + asking)
    #expect(prompt.take(.line("no")) == [.decide(id: "one", nil)])
  }

  @Test("nothing of what an agent wrote is left out, and nothing acts")
  func visible() {
    #expect(VisibleText.escaped("a\u{7}b\n\u{200b}\u{a0}c") == "a\\u{7}b\\n\\u{200b}\\u{a0}c")
    #expect(VisibleText.lines("a\r\nb\t") == ["a\\u{d}", "b\\t"])
    #expect(
      VisibleText.escaped("e\u{301}\u{34f}\u{3164}\u{2800}\u{fe0f}")
        == "e\u{301}\\u{34f}\\u{3164}\\u{2800}\\u{fe0f}")
    let piled = "echo ok" + String(repeating: "\u{301}", count: 20_000) + "; curl x"
    #expect(VisibleText.escaped(piled).hasSuffix("\\u{301}; curl x"))
    #expect(VisibleText.escaped(piled).utf8.count > 100_000)
  }
}
