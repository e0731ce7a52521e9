import Foundation
import Testing

@Suite("The command that replaces the data key")
struct RotateKeyCommandTests {
  private func generation(_ program: Program) async throws -> String? {
    try await program("storage", "status", "--json").json["keyGeneration"] as? String
  }

  @Test(
    "it says how much there is and changes nothing, wants a yes, and then does it", arguments: [false, true])
  func rotates(isServed: Bool) async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      _ = try await program("memory", "add", "--agent", "Ada", "tulips in spring")
      let before = try await generation(program)

      func check() async throws {
        let trial = try await program("storage", "rotate-key", "--dry-run", "--json")
        #expect(trial.status == 0 && trial.json["databases"] as? Int == 5)
        #expect(trial.json["slots"] as? [String] == ["phrase"])
        let unasked = try await program("storage", "rotate-key")
        #expect(unasked.status == 2 && unasked.errors.contains("--yes"))
        #expect(try await generation(program) == before)
        let done = try await program("storage", "rotate-key", "--yes")
        #expect(done.status == 0, "\(done.errors)")
        #expect(done.output.contains("It is opened by") && done.output.contains("old key"))
        let again = try await program("storage", "rotate-key", "--yes", "--json")
        #expect(again.json["generation"] as? String == (try await generation(program)))
        #expect(try await generation(program) != before)
        #expect(try await program("agent", "list", "--json").output.contains("Ada"))
        #expect(try await program("memory", "list", "--agent", "Ada", "--json").output.contains("tulips"))
        let verified = try await program("storage", "verify", "--json")
        #expect(verified.status == 0, "\(verified.output)")
      }
      if isServed {
        let ending = try await program.serve { _ in try await check() }
        #expect(ending.status == 0)
      } else {
        try await check()
      }
    }
  }

  @Test("what a service begun is done by the next command after it was killed")
  func killedService() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      let ending = try await program.serve(stop: SIGKILL) { _ in
        try await program("storage", "rotate-key", "--yes")
      }
      #expect(ending.status == -SIGKILL && ending.result.status == 0)
      #expect(try await program("agent", "list", "--json").output.contains("Ada"))
      #expect(try await program("storage", "verify", "--json").status == 0)
    }
  }

  @Test("without a host there is nothing to do")
  func noHost() async throws {
    try await Program.run(isMade: false) { program in
      let refused = try await program("storage", "rotate-key", "--yes", "--json")
      #expect(refused.status == 1 && refused.code == "not_initialised")
    }
  }
}
