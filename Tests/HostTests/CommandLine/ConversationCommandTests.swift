import Foundation
import Testing

/// `run`, `chat` and `connect`: talking, on this machine and through the secure channel.
@Suite("osaurus-host run, chat and connect", .serialized, .timeLimit(.minutes(10)))
struct ConversationCommandTests {
  /// Serves a host with an agent and a model behind it.
  private func serve(
    _ body: @escaping @Sendable (Program, Program.Service, ScriptedModelServer) async throws -> Void
  ) async throws {
    try await ScriptedModelServer.run { model, url in
      try await Program.run(environment: ["OSAURUS_MODEL_URL": url]) { program in
        _ = try await program("agent", "create", "Ada")
        try await program.serve { service in try await body(program, service, model) }
      }
    }
  }

  private func address(_ program: Program) async throws -> String {
    try #require(try await program("agent", "show", "Ada", "--json").json["address"] as? String)
  }

  /// Puts a new key for the agent into a file.
  private func keyFile(_ program: Program, mode: Int = 0o600) async throws -> (
    path: String, text: String, id: String
  ) {
    let made = try await program("key", "create", "--agent", "Ada", "--json")
    let key = try #require(made.json["key"] as? String)
    let path = program.home + "/\(UUID()).key"
    try Data("\(key)\n".utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return (path, key, try #require(made.json["id"] as? String))
  }

  // MARK: On this machine

  @Test("an agent is asked one thing, in words or from standard input")
  func run() async throws {
    try await serve { program, _, _ in
      let answer = try await program("run", "Ada", "say one two")
      #expect(answer.status == 0)
      #expect(answer.output.trimmingCharacters(in: .whitespacesAndNewlines) == "one two")
      let piped = try await program("run", "Ada", "-", input: "say three")
      #expect(piped.output.trimmingCharacters(in: .whitespacesAndNewlines) == "three")
      let unknown = try await program("run", "Bob", "hi")
      #expect(unknown.status == 4)
    }
  }

  @Test("a conversation goes on with what was said before")
  func chat() async throws {
    try await serve { program, _, model in
      let answer = try await program("chat", "Ada", input: "say one\n\nsay two\n")
      #expect(answer.status == 0)
      #expect(answer.output.contains("one") && answer.output.contains("two"))
      let requests = model.requests
      #expect(requests.count == 2)
      #expect(requests.last?.contains("say one") == true)
    }
  }

  @Test("an answer that is cut is shown as far as it came, and is an error")
  func cut() async throws {
    try await serve { program, _, _ in
      let answer = try await program("run", "Ada", "die half")
      #expect(answer.status == 1)
      #expect(answer.output.contains("half"))
      #expect(answer.errors.hasPrefix("osaurus-host: "))
    }
  }

  // MARK: From afar

  @Test("a host is remembered once it has proved itself, asked, and forgotten")
  func connect() async throws {
    try await serve { program, service, model in
      let address = try await address(program)
      let key = try await keyFile(program)
      try await Program.run(isMade: false) { peer in
        let added = try await peer(
          "connect", "add", "home", "--url", service.url, "--address", address, "--keystore", "file",
          "--key-file", key.path, "--json")
        #expect(added.status == 0, "\(added)")
        #expect(added.json["address"] as? String == address)
        let handshake = try #require(added.json["lastHandshake"] as? [String: Any])
        #expect(handshake["signer"] as? String == address)
        #expect(!added.output.contains("osk-v1"))

        let answer = try await peer("connect", "run", "home", "say one two")
        #expect(answer.status == 0)
        #expect(answer.output.trimmingCharacters(in: .whitespacesAndNewlines) == "one two")
        let chat = try await peer("connect", "chat", "home", input: "say three\nsay four\n")
        #expect(chat.output.contains("three") && chat.output.contains("four"))
        #expect(model.requests.last?.contains("say three") == true)
        let cut = try await peer("connect", "run", "home", "die half")
        #expect(cut.status == 1)
        #expect(cut.output.contains("half"))

        let list = try await peer("connect", "list", "--json")
        #expect(list.list.map { $0["name"] as? String } == ["home"])
        _ = try await program("key", "revoke", key.id)
        let refused = try await peer("connect", "run", "home", "say no more")
        #expect(refused.status == 3)
        #expect(!refused.errors.contains(key.text))

        let forgotten = try await peer("connect", "forget", "home")
        #expect(forgotten.status == 0)
        let after = try await peer("connect", "list", "--json")
        #expect(after.list.isEmpty)
        #expect(try peer.files(holding: [key.text]).isEmpty)
      }
    }
  }

  @Test("a host that signs with another address is refused, and nothing of it is kept")
  func wrongAddress() async throws {
    try await serve { program, service, model in
      let key = try await keyFile(program)
      try await Program.run(isMade: false) { peer in
        let other = "0x0000000000000000000000000000000000000001"
        let refused = try await peer(
          "connect", "add", "home", "--url", service.url, "--address", other, "--keystore", "file",
          "--key-file", key.path, "--json")
        #expect(refused.status != 0)
        #expect(refused.json["address"] == nil)
        let list = try await peer("connect", "list", "--json")
        #expect(list.list.isEmpty)
        #expect(try peer.files(holding: [key.text]).isEmpty)
        let run = try await peer("connect", "run", "home", "hello")
        #expect(run.status == 4)
      }
      #expect(model.requests.isEmpty)
    }
  }

  @Test("a key file that others may read is refused, as is what is no key")
  func keyFiles() async throws {
    try await serve { program, service, _ in
      let address = try await address(program)
      let open = try await keyFile(program, mode: 0o644)
      let mine = try await keyFile(program)
      try await Program.run(isMade: false) { peer in
        func add(_ file: String, input: String = "") async throws -> Program.Outcome {
          try await peer(
            "connect", "add", "home", "--url", service.url, "--address", address, "--keystore", "file",
            "--key-file", file, "--json", input: input)
        }
        let refused = try await add(open.path)
        #expect(refused.status == 1)
        #expect((refused.json["message"] as? String)?.contains("chmod") == true)
        #expect(try await add("/nonexistent").status == 4)
        #expect(try await add("-", input: "no key at all\n").status != 0)
        #expect(try await add("-", input: "").status == 2)
        #expect(try peer.files(holding: [open.text, mine.text]).isEmpty)
        let added = try await add("-", input: mine.text + "\n")
        #expect(added.status == 0, "\(added)")
      }
    }
  }
}
