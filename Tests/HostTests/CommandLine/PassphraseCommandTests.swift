import Foundation
import Testing

@Suite("A host whose keys rest under a passphrase", .serialized, .timeLimit(.minutes(10)))
struct PassphraseCommandTests {
  private static let passphrase = "correct horse battery"

  /// Runs `body` with such a host, made from a script.
  private func run(body: (Program) async throws -> Void) async throws {
    try await Program.run(isMade: false) { program in
      let made = try await program(
        "init", "--non-interactive", "--json", "--keystore", "passphrase", input: Self.passphrase + "\n")
      try #require(made.status == 0, "\(made)")
      #expect(made.json["keystore"] as? String == "passphrase")
      try await body(program)
    }
  }

  /// The program as a service that systemd hands the passphrase to.
  private func withCredential(_ program: Program, _ passphrase: String = passphrase) throws -> Program {
    let folder = program.home + "/credentials"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let file = URL(filePath: folder + "/osaurus-passphrase")
    try Data((passphrase + "\n").utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: file.path)
    return Program(home: program.home, environment: ["CREDENTIALS_DIRECTORY": folder])
  }

  @Test("a script makes it, and a service starts with a systemd credential alone")
  func service() async throws {
    try await run { program in
      let service = try withCredential(program)
      try await service.serve { _ in
        let created = try await program("agent", "create", "Ada")
        #expect(created.status == 0, "\(created)")
        let status = try await program("status", "--json")
        #expect(status.json["keystore"] as? String == "passphrase")
      }
      let agents = try await service("agent", "list", "--json")
      #expect(agents.list.map { $0["name"] as? String } == ["Ada"])
      #expect(
        try program.files(holding: [Self.passphrase]).allSatisfy { $0.hasPrefix("credentials/") })
      let wrong = try await withCredential(program, "correct horse batterY")("agent", "list", "--json")
      #expect(wrong.status == 1)
      #expect((wrong.json["message"] as? String)?.contains("does not open") == true, "\(wrong)")
    }
  }

  @Test("a person is asked for it on the terminal, is not shown it, and may mistype")
  func terminal() async throws {
    try await run { program in
      let terminal = try program.onTerminal("agent", "list")
      try await terminal.see("Passphrase of")
      terminal.enter("something else")
      try await terminal.seeMore()
      while terminal.raw.components(separatedBy: "Passphrase of").count < 3 { try await terminal.seeMore() }
      terminal.enter(Self.passphrase)
      #expect(try await terminal.end() == 0)
      #expect(terminal.isRestored)
      #expect(!terminal.raw.contains("something else") && !terminal.raw.contains(Self.passphrase))
      let left = try program.onTerminal("agent", "list")
      try await left.see("Passphrase of")
      left.type(PseudoTerminal.interrupt)
      #expect(try await left.end() == 1)
      #expect(left.isRestored)
    }
  }

  @Test("a person who makes one is asked twice before anything else, and two different ones make nothing")
  func wizard() async throws {
    try await Program.run(isMade: false) { program in
      let terminal = try program.onTerminal("init", "--keystore", "passphrase", "--plain")
      try await terminal.see("Passphrase:")
      terminal.enter(Self.passphrase)
      try await terminal.see("once more:")
      terminal.enter("correct horse batterY")
      try await terminal.see("differ")
      #expect(try await terminal.end() == 1)
      #expect(try program.files().isEmpty)
      let short = try await program(
        "init", "--non-interactive", "--json", "--keystore", "passphrase", input: "short\n")
      #expect(short.status == 1)
      #expect(try program.files().keys.allSatisfy { !$0.contains("keys") })
    }
  }
}
