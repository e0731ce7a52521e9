import Foundation
import Testing

@Suite("osaurus-host keystore", .serialized, .timeLimit(.minutes(10)))
struct KeystoreCommandTests {
  private static let passphrase = "correct horse battery"

  /// Puts the passphrase where systemd puts it for a service.
  private func withCredential(_ program: Program) throws -> Program {
    let folder = program.home + "/credentials"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let file = URL(filePath: folder + "/osaurus-passphrase")
    try Data(Self.passphrase.utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: file.path)
    return Program(
      home: program.home,
      environment: ["CREDENTIALS_DIRECTORY": folder, "OSAURUS_MODEL_URL": "http://127.0.0.1:9/v1"])
  }

  @Test("every key goes from a plain file to a passphrase and back, and the host opens all the while")
  func move() async throws {
    try await Program.run { program in
      let program = try withCredential(program)
      #expect(try await program("model", "key", "set", input: "sk-model\n").status == 0)
      #expect(try await program("agent", "create", "Ada").status == 0)
      let shown = try await program("keystore", "show", "--json")
      #expect(shown.list.count == 1)
      #expect(shown.list[0]["keystore"] as? String == "file")
      #expect(shown.list[0]["answers"] as? Bool == true)
      let items = ["data-key", "master-key", "model-key:http://127.0.0.1:9/v1"]
      #expect(shown.list[0]["items"] as? [String] == items)

      let moved = try await program("keystore", "move", "--to", "passphrase", "--json")
      #expect(moved.json["items"] as? [String] == items, "\(moved)")
      #expect(try await program("agent", "list").status == 0)
      #expect(try program.files(holding: ["sk-model"]).isEmpty)
      #expect(try await program("keystore", "show").output.contains("keys-passphrase.json"))
      #expect(try await program("status", "--json").status == 5)

      let asked = try await program("keystore", "move", "--to", "file")
      #expect(asked.status == 2)
      #expect(asked.errors.contains("backup"))
      #expect(try await program("keystore", "move", "--to", "file", "--yes").status == 0)
      #expect(!FileManager.default.fileExists(atPath: program.home + "/config/keys-passphrase.json"))
      #expect(try await program("agent", "list").status == 0)
    }
  }

  @Test("keys for other hosts go with them")
  func peers() async throws {
    try await Program.run { program in
      let program = try withCredential(program)
      let added = try await program(
        "connect", "add", "home", "--url", "http://127.0.0.1:9", "--address",
        "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf", "--no-check", "--keystore", "file",
        input: "osk-v1.abc.def\n")
      try #require(added.status == 0, "\(added)")
      let moved = try await program("keystore", "move", "--to", "passphrase", "--json")
      #expect(moved.json["items"] as? [String] == ["data-key", "master-key", "peer-key:home"], "\(moved)")
      let shown = try await program("keystore", "show", "--json")
      #expect(shown.list.map { $0["keystore"] as? String } == ["passphrase", "passphrase"])
      #expect(shown.list[1]["items"] as? [String] == ["peer-key:home"])
    }
  }

  @Test("nothing is moved while the service runs, nor where there is no host")
  func refused() async throws {
    try await Program.run { program in
      let program = try withCredential(program)
      try await program.serve { _ in
        let running = try await program("keystore", "move", "--to", "passphrase", "--json")
        #expect(running.status == 1)
        #expect((running.json["message"] as? String)?.contains("service is running") == true)
      }
      #expect(try await program("agent", "list").status == 0)
    }
    try await Program.run(isMade: false) { program in
      let shown = try await program("keystore", "show", "--json")
      #expect(shown.code == "not_initialised")
      let moved = try await program("keystore", "move", "--to", "secret-service", "--json")
      #expect(moved.code == "not_initialised")
    }
  }
}
