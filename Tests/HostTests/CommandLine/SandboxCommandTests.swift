import Foundation
import Testing

/// `osaurus-host sandbox`, run as a person runs it.
@Suite("The sandbox commands", .serialized, .timeLimit(.minutes(10)))
struct SandboxCommandTests {
  @Test("status shows every layer, and doctor that it is there")
  func status() async throws {
    try await Program.run(isMade: false) { program in
      let status = try await program("sandbox", "status", "--json")
      #expect(status.status == 0)
      #expect(status.json["ready"] as? Bool == true)
      #expect((status.json["layers"] as? [Any])?.count == 12)
      let doctor = try await program("doctor", "--json")
      let finding = doctor.list.first { $0["part"] as? String == "sandbox" }
      #expect(finding?["state"] as? String == "good")
    }
  }

  @Test("exec passes input, output and the exit code on, and says when a command did not run")
  func exec() async throws {
    try await Program.run(isMade: false) { program in
      let run = try await program(
        "sandbox", "exec", "--", "sh", "-c", "tr a-z A-Z; echo aside >&2; exit 3", input: "word")
      #expect(run.status == 3)
      #expect(run.output == "WORD")
      #expect(run.errors == "aside\n")
      let ended = try await program("sandbox", "exec", "--", "sh", "-c", "kill -TERM $$")
      #expect(ended.status == 143)
      let late = try await program("sandbox", "exec", "--timeout", "1", "--", "sleep", "60")
      #expect(late.status == 124)
      let absent = try await program("sandbox", "exec", "--", "no-such-program")
      #expect(absent.status == 125)
      let object = try await program("sandbox", "exec", "--json", "--", "sh", "-c", "echo said; exit 4")
      #expect(object.status == 0)
      #expect(object.json["exitCode"] as? Int == 4)
      #expect(object.json["stdout"] as? String == "said\n")
      #expect((object.json["layers"] as? [Any])?.count == 12)
    }
  }

  @Test("exec refuses what would not be isolated, and says which")
  func refusals() async throws {
    try await Program.run(isMade: false) { program in
      let hook = try await program("sandbox", "exec", "--env", "LD_PRELOAD=x.so", "--", "true")
      #expect(hook.status == 3)
      #expect(hook.errors.contains("LD_PRELOAD"))
      let layer = try await program("sandbox", "exec", "--without", "files", "--", "true")
      #expect(layer.status == 3)
      let system = try await program("sandbox", "exec", "--workspace", "/etc", "--", "true")
      #expect(system.status == 3)
      let climbing = try await program("sandbox", "exec", "--cwd", "../x", "--", "true")
      #expect(climbing.status == 2)
      let nothing = try await program("sandbox", "exec")
      #expect(nothing.status == 2)
    }
  }

  @Test("exec runs in an agent's home, which stays, and nowhere without such an agent")
  func home() async throws {
    try await Program.run { program in
      let made = try await program("agent", "create", "Ada")
      #expect(made.status == 0)
      let kept = try await program(
        "sandbox", "exec", "--agent", "Ada", "--", "sh", "-c", "echo kept > note")
      #expect(kept.status == 0)
      let left = try await program("sandbox", "exec", "--agent", "Ada", "--", "cat", "note")
      #expect(left.output == "kept\n")
      let found = try await program("sandbox", "exec", "--agent", "Bob", "--", "true")
      #expect(found.status == 4)
    }
  }
}
