import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("osaurus-host serve", .serialized, .timeLimit(.minutes(10)))
struct ServeCommandTests {
  @Test("it says where it is, and ends with 0 when it is told to", arguments: [SIGTERM, SIGINT])
  func serves(signal: CInt) async throws {
    try await Program.run { program in
      let ending = try await program.serve(stop: signal) { service in
        let status = try await program("status", "--json")
        #expect(status.status == 0)
        #expect(status.json["ready"] as? Bool == true)
        #expect(status.json["pid"] as? Int == Int(service.process))
        #expect(status.json["url"] as? String == service.url)
        #expect(status.json["socket"] as? String == program.controlSocket)
        #expect(status.json["exposed"] as? Bool == false)
        #expect(status.json["keystore"] as? String == "file")
        let words = try await program("status")
        #expect(words.output.contains(service.url))
      }
      #expect(ending.status == 0)
      #expect(!FileManager.default.fileExists(atPath: program.controlSocket))
      let after = try await program("status", "--json")
      #expect(after.status == 5)
    }
  }

  @Test("a key that was made opens it over TCP, until it is revoked")
  func keys() async throws {
    try await Program.run { program in
      try await program.serve { service in
        let made = try await program("key", "create", "--json")
        let wire = WireClient(port: service.port, key: try #require(made.json["key"] as? String))
        #expect(try await wire.ask("GET", "/v1/agents").status == 200)
        _ = try await program("key", "revoke", try #require(made.json["id"] as? String))
        #expect(try await wire.ask("GET", "/v1/agents").status == 401)
      }
    }
  }

  @Test("after it was killed, it starts again on the same home")
  func killed() async throws {
    try await Program.run { program in
      let killed = try await program.serve(stop: SIGKILL) { _ in
        let made = try await program("agent", "create", "Ada")
        #expect(made.status == 0)
      }
      #expect(killed.status == -SIGKILL)
      #expect(FileManager.default.fileExists(atPath: program.controlSocket))
      let between = try await program("status")
      #expect(between.status == 5)
      let ending = try await program.serve { _ in
        let list = try await program("agent", "list", "--json")
        #expect(list.list.map { $0["name"] as? String } == ["Ada"])
      }
      #expect(ending.status == 0)
    }
  }

  @Test("a second one on the same home is refused, and the first lives on")
  func second() async throws {
    try await Program.run { program in
      try await program.serve { service in
        let second = try await program("serve", "--port", "0")
        #expect(second.status == 1)
        #expect(second.errors.contains("already"))
        #expect(second.errors.contains("osaurus-host status"))
        let status = try await program("status", "--json")
        #expect(status.json["pid"] as? Int == Int(service.process))
        #expect(try await WireClient(port: service.port).ask("GET", "/health").status == 200)
      }
    }
  }

  @Test("a port that another program holds is an error that says so, and leaves no socket behind")
  func portTaken() async throws {
    try await Program.run { first in
      try await first.serve { service in
        try await Program.run { program in
          let refused = try await program("serve", "--port", "\(service.port)")
          #expect(refused.status == 1)
          #expect(refused.errors.contains("127.0.0.1:\(service.port)"))
          #expect(refused.errors.contains("--port"))
          #expect(!FileManager.default.fileExists(atPath: program.controlSocket))
        }
      }
    }
  }

  @Test("what another user of this machine may read of it holds no secret")
  func processListing() async throws {
    try await Program.run(isMade: false) { program in
      let made = try await program("init", "--non-interactive", "--json", "--keystore", "file")
      let words = try #require(made.json["mnemonic"] as? String).split(separator: " ").map(String.init)
      let keyFile = program.home + "/model.key"
      try Data("sk-very-secret-model-key".utf8).write(to: URL(filePath: keyFile))
      chmod(keyFile, 0o600)
      var asked = program
      asked.environment = ["OSAURUS_MODEL_URL": "http://127.0.0.1:1/v1", "OSAURUS_MODEL_KEY_FILE": keyFile]
      let ending = try await asked.serve { service in
        let key = try #require(try await program("key", "create", "--json").json["key"] as? String)
        for file in ["cmdline", "environ"] {
          // Whoever is not root is not even let in to its environment.
          let path = "/proc/\(service.process)/\(file)"
          guard let data = FileManager.default.contents(atPath: path) else {
            #expect(file == "environ" && geteuid() != 0)
            continue
          }
          #expect(!data.isEmpty)
          let text = String(decoding: data, as: UTF8.self)
          for secret in [key, "osk-v1", "very-secret", "\(words[0]) \(words[1])"] {
            #expect(!text.contains(secret), "\(file)")
          }
        }
        return key
      }
      for secret in [ending.result, "osk-v1", "very-secret", "\(words[0]) \(words[1])"] {
        #expect(!ending.log.contains(secret))
      }
    }
  }

  @Test("settings that make no sense are refused by name", arguments: ["OSAURUS_PORT", "OSAURUS_EXPOSE"])
  func settings(name: String) async throws {
    try await Program.run(environment: [name: "perhaps"]) { program in
      let refused = try await program("serve")
      #expect(refused.status == 1)
      #expect(refused.errors.contains(name == "OSAURUS_PORT" ? "'port'" : "'expose'"))
    }
  }
}
