import Foundation
import Testing

/// What is true of every command.
@Suite("Every command", .serialized, .timeLimit(.minutes(10)))
struct CommandTreeTests {
  @Test("its help shows an example")
  func examples() async throws {
    try await Program.run(isMade: false) { program in
      let dump = try await program("--experimental-dump-help")
      #expect(dump.status == 0)
      let root = try #require(dump.json["command"] as? [String: Any])
      let commands = Self.commands(below: root)
      #expect(commands.count > 20)
      for (path, command) in commands {
        let discussion = command["discussion"] as? String ?? ""
        #expect(discussion.contains("Example: osaurus-host \(path)"), "\(path)")
        #expect((command["abstract"] as? String)?.hasSuffix(".") == true, "\(path)")
      }
      let help = try await program("key", "create", "--help")
      #expect(help.status == 0)
      #expect(help.output.contains("Example: osaurus-host key create"))
      let version = try await program("--version")
      #expect(version.status == 0)
    }
  }

  /// The commands that a person can type, each with the words that lead to it.
  private static func commands(
    below parent: [String: Any], _ path: [String] = []
  ) -> [(path: String, command: [String: Any])] {
    (parent["subcommands"] as? [[String: Any]] ?? []).flatMap { command -> [(String, [String: Any])] in
      guard let name = command["commandName"] as? String, name != "help" else { return [] }
      let own = path + [name]
      return commands(below: command, own) + [(own.joined(separator: " "), command)]
    }
  }

  @Test(
    "wrong usage is 2",
    arguments: [
      "nonsense", "agent", "agent create", "agent show", "key create --expires 2d", "key revoke",
      "serve --port 70000", "serve --port x", "serve --nonsense", "init --keystore paper --non-interactive",
      "connect add home", "agent delete Ada", "agent rotate Ada", "agent revoke Ada", "agent set Ada",
      "key revoke phone --all", "key revoke phone --agent Ada", "key revoke --all", "key trust",
      "key trust 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
      "key trust 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --agent Ada --all-agents",
      "key trust 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe --whole-host",
      "key trust 0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --whole-host", "key distrust Ada",
      "model install",
    ])
  func wrongUsage(command: String) async throws {
    // A group without a command shows its help.
    let expected: Int32 = command == "agent" ? 0 : 2
    try await Program.run(isMade: false) { program in
      let words = command.split(separator: " ").map(String.init)
      let inWords = try await program.run(words)
      #expect(inWords.status == expected, "\(inWords)")
      if expected == 2 {
        #expect(inWords.output.isEmpty)
        #expect(!inWords.errors.isEmpty)
      }
    }
  }

  @Test("what is not there is 4, and what needs the service 5, each as JSON for scripts")
  func missing() async throws {
    try await Program.run { program in
      let cases: [(command: String, status: Int32, code: String?)] = [
        ("agent show Bob --json", 4, "agent_not_found"),
        ("agent set Bob --name B --json", 4, "agent_not_found"),
        ("agent delete Bob --yes", 4, nil), ("agent rotate Bob --yes --json", 4, "agent_not_found"),
        ("key create --agent Bob --json", 4, "agent_not_found"),
        ("invite revoke nothing --json", 4, "invite_not_found"),
        ("key revoke nothing --json", 4, "key_not_found"), ("key show nothing --json", 4, "key_not_found"),
        ("agent revoke Bob --yes --json", 4, "agent_not_found"),
        ("key revoke --all --agent Bob --yes --json", 4, "agent_not_found"),
        (
          "key distrust 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed --json", 4, "issuer_not_found"
        ),
        ("model install gpt-9 --json", 4, "not_found"), ("connect run nobody hi", 4, nil),
        ("connect forget nobody", 4, nil), ("status --json", 5, "service_not_running"), ("status", 5, nil),
        ("run Ada hi", 5, nil), ("chat Ada", 5, nil), ("agent show --json", 2, "wrong_usage"),
      ]
      for (command, status, code) in cases {
        let outcome = try await program.run(command.split(separator: " ").map(String.init))
        #expect(outcome.status == status, "\(command): \(outcome)")
        #expect(outcome.code == code, "\(command)")
        if code == nil {
          #expect(outcome.output.isEmpty)
          #expect(outcome.errors.hasPrefix("osaurus-host: "))
        } else {
          #expect((outcome.json["message"] as? String)?.isEmpty == false)
          #expect(outcome.errors.isEmpty)
        }
      }
    }
  }

  @Test("where no host was made, every command says how to make one")
  func nothingMade() async throws {
    try await Program.run(isMade: false) { program in
      for command in [
        "agent list", "key list", "key trusted", "invite list", "agent create Ada", "key create",
        "model list",
      ] {
        let outcome = try await program.run(command.split(separator: " ").map(String.init) + ["--json"])
        #expect(outcome.status == 1, "\(command)")
        #expect(outcome.code == "not_initialised")
        #expect((outcome.json["message"] as? String)?.contains("osaurus-host init") == true)
      }
      let serve = try await program("serve")
      #expect(serve.status == 1)
      #expect(serve.errors.contains("osaurus-host init"))
      #expect(try program.files().isEmpty)
    }
  }

  @Test("doctor finds what is wrong and what to do, and ends with 1 only then")
  func doctor() async throws {
    try await Program.run(isMade: false) { program in
      let findings = try await program("doctor", "--json")
      #expect(findings.status == 1)
      let identity = try #require(findings.list.first { $0["part"] as? String == "identity" })
      #expect(identity["state"] as? String == "broken")
      #expect(identity["remedy"] as? String == "osaurus-host init")
    }
    try await ScriptedModelServer.run { _, url in
      try await Program.run(environment: ["OSAURUS_MODEL_URL": url]) { program in
        let findings = try await program("doctor", "--json")
        #expect(findings.status == 0, "\(findings)")
        let parts = Set(findings.list.compactMap { $0["part"] as? String })
        #expect(
          parts.isSuperset(of: [
            "encryption", "keyring", "folders", "identity", "keys", "database", "models", "service",
            "python",
          ]))
        #expect(findings.list.allSatisfy { $0["state"] as? String != "broken" })
        #expect(!findings.output.contains("osk-v1"))

        let data = program.home + "/data"
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: data)
        let open = try await program("doctor", "--json")
        #expect(open.status == 1)
        let folders = try #require(open.list.first { $0["part"] as? String == "folders" })
        #expect(folders["state"] as? String == "broken")
        #expect((folders["remedy"] as? String)?.contains("chmod 700 '\(data)'") == true)
        let words = try await program("doctor")
        #expect(words.output.contains("BAD   folders"))
      }
    }
  }
}
