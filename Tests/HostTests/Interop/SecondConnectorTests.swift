import Foundation
import Identity
import Testing

/// Somebody else's client against this host.
@Suite(
  "A client of another make", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: SecondWire.isInstalled, "run Tests/Interop/install"))
struct SecondConnectorTests {
  private struct Ada: Sendable {
    let id: String
    let address: String
  }

  private func serve(
    limited: Bool = false,
    _ body: @escaping @Sendable (Program, Program.Service, Ada, _ kept: String) async throws -> Void
  ) async throws {
    try await ScriptedModelServer.run { _, url in
      let often = limited ? "5" : "100000"
      let environment = [
        "OSAURUS_MODEL_URL": url, "OSAURUS_PAIRINGS_PER_MINUTE": often,
        "OSAURUS_HANDSHAKES_PER_MINUTE": often,
      ]
      try await Program.run(environment: environment) { program in
        let made = try await program("agent", "create", "Ada", "--json")
        let ada = Ada(
          id: try #require(made.json["id"] as? String), address: try #require(made.json["address"] as? String)
        )
        let ending = try await program.serve { service in
          try await body(program, service, ada, program.home + "/kept.json")
        }
        #expect(!ending.log.contains("osk-v1"))
      }
    }
  }

  /// Asks to be let in, and gives the owner's view of it with what the client said at its end.
  private func pair(
    _ program: Program, _ service: Program.Service, _ ada: Ada, _ kept: String, _ more: [String] = [],
    answer: @Sendable (_ id: String) async throws -> Program.Outcome
  ) async throws -> (request: String, words: String, asked: SecondWire.Outcome) {
    async let asked = SecondWire.run(
      ["pair", "--url", service.url, "--agent-id", ada.id, "--address", ada.address, "--keep", kept] + more)
    while true {
      let listed = try await program("pair", "requests", "--json")
      try #require(listed.status == 0, "\(listed)")
      guard let first = listed.list.first else { continue }
      let answered = try await answer(try #require(first["id"] as? String))
      try #require(answered.status == 0, "\(answered)")
      let request = try #require(first["connector"] as? String)
      let words = try #require(first["words"] as? String)
      return (request, words, try await asked)
    }
  }

  /// What it has to say when it was answered with these words.
  private func expect(_ said: [String: Any], _ text: String, call: Int) {
    #expect(said["text"] as? String == text)
    #expect(said["call"] as? Int == call)
    #expect(said["role"] as? String == "assistant" && said["finish"] as? String == "stop")
    #expect(said["done"] as? Bool == true)
    // The role, each word, the end of the answer and the empty end of the stream at the least.
    #expect((said["frames"] as? Int ?? 0) >= 3)
  }

  @Test("the second implementation gives the known answers")
  func knownAnswers() async throws {
    let tested = try await SecondWire.run("self-test", SecondWire.vectors)
    #expect(tested.status == 0, "\(tested)")
    #expect((tested.last["compared"] as? Int ?? 0) >= 100)
  }

  @Test(
    "it asks in the way of an unmodified client, within the limits that a host has, and is let in and answered"
  )
  func unmodified() async throws {
    try await serve(limited: true) { program, service, ada, kept in
      let (connector, words, asked) = try await pair(program, service, ada, kept) {
        try await program("pair", "approve", $0)
      }
      #expect(asked.status == 0, "\(asked)")
      let asking = try #require(asked.lines.first)
      #expect(asking["connector"] as? String == connector)
      // It shows no words, but has what they are made of.
      let numbers = try #require(asking["words"] as? [Int])
      #expect(numbers.map { String(EnglishWords.all[$0]) }.joined(separator: " ") == words)

      let models = try await SecondWire.run("models", kept)
      #expect(models.last["status"] as? Int == 200, "\(models)")
      #expect(models.last["models"] as? [String] == ["scripted/one"])
      let said = try await SecondWire.run("run", kept, "say one two", "say drei fünf", "say 🦕")
      #expect(said.status == 0, "\(said)")
      try #require(said.lines.count == 3)
      expect(said.lines[0], "one two ", call: 1)
      expect(said.lines[1], "drei fünf ", call: 2)
      expect(said.lines[2], "🦕 ", call: 3)

      let peers = try await program("peer", "list", "--json")
      #expect(peers.list.first?["connector"] as? String == connector)
      #expect(try await program("peer", "revoke", connector).status == 0)
      let refused = try await SecondWire.run("run", kept, "say three")
      #expect(refused.status == 1 && refused.last["status"] as? Int == 401, "\(refused)")
    }
  }

  @Test("one that asks for a bound answer gets it, and checks it; a key for ever says so")
  func bound() async throws {
    try await serve { program, service, ada, kept in
      let (_, _, asked) = try await pair(program, service, ada, kept, ["--bind-answer"]) {
        try await program("pair", "approve", $0, "--permanent")
      }
      #expect(asked.status == 0, "\(asked)")
      let said = try await SecondWire.run("run", kept, "say one")
      #expect(said.last["text"] as? String == "one ", "\(said)")
      #expect(try await program("peer", "list", "--json").list.first?["expiresAt"] == nil)
    }
  }

  @Test("one that is sent away is told so in the protocol's words, and has nothing")
  func denied() async throws {
    try await serve { program, service, ada, kept in
      let (_, _, asked) = try await pair(program, service, ada, kept) {
        try await program("pair", "deny", $0)
      }
      #expect(asked.status == 1 && asked.last["status"] as? Int == 403)
      #expect((asked.last["body"] as? [String: String]) == ["error": "Pairing denied"])
      #expect(!FileManager.default.fileExists(atPath: kept))
      #expect(try await program("key", "list", "--json").list.isEmpty)
    }
  }

  @Test("an invite is redeemed, used below /v1, and works once")
  func invite() async throws {
    try await serve { program, service, ada, kept in
      let made = try await program("invite", "create", "Ada", "--json")
      let link = try #require(made.json["link"] as? String)
      let redeemed = try await SecondWire.run("redeem", "--keep", kept, input: link + "\n")
      #expect(redeemed.status == 0, "\(redeemed)")
      #expect(redeemed.last["redeemed"] as? String == ada.address)
      let said = try await SecondWire.run("run", kept, "say one two")
      #expect(said.last["text"] as? String == "one two ", "\(said)")
      #expect(try await SecondWire.run("models", kept).last["models"] as? [String] == ["scripted/one"])
      let again = try await SecondWire.run("redeem", "--keep", kept + ".again", input: link)
      #expect(again.status == 1 && again.last["status"] as? Int == 409, "\(again)")
    }
  }

  @Test("whatever is broken, repeated or unknown is refused in the protocol's words, and spoils nothing")
  func refusals() async throws {
    try await serve { program, service, ada, kept in
      let (_, _, asked) = try await pair(program, service, ada, kept) {
        try await program("pair", "approve", $0)
      }
      try #require(asked.status == 0, "\(asked)")
      let tried = try await SecondWire.run("refusals", kept)
      #expect(tried.status == 0, "\(tried)")
      #expect((tried.last["refused"] as? [String] ?? []).count >= 30)
    }
  }
}
