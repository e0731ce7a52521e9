import Foundation
import Identity
import Testing

@testable import Host
@testable import Pairing
@testable import osaurus_host

#if canImport(Glibc)
  import Glibc
#endif

/// `pair`, `peer` and `connect pair`, as people use them on two machines.
@Suite("osaurus-host pair, peer and connect pair", .serialized, .timeLimit(.minutes(10)))
struct PairCommandTests {
  private struct Ada: Sendable {
    let id: String
    let address: String
  }

  @discardableResult
  private func serve(
    _ body: @escaping @Sendable (Program, Program.Service, Ada) async throws -> Void
  ) async throws -> String {
    try await ScriptedModelServer.run { _, url in
      let environment = ["OSAURUS_MODEL_URL": url, "OSAURUS_PAIRINGS_PER_MINUTE": "100000"]
      return try await Program.run(environment: environment) { program in
        let made = try await program("agent", "create", "Ada", "--json")
        let ada = Ada(
          id: try #require(made.json["id"] as? String), address: try #require(made.json["address"] as? String)
        )
        return try await program.serve { service in try await body(program, service, ada) }.log
      }
    }
  }

  /// Waits until somebody asks, as a script does, and gives the request.
  private func request(_ program: Program) async throws -> [String: Any] {
    while true {
      let listed = try await program("pair", "requests", "--json")
      try #require(listed.status == 0, "\(listed)")
      if let first = listed.list.first { return first }
    }
  }

  @Test("a device asks, is let in by its id, is used at once, is listed, and is sent away")
  func journey() async throws {
    let log = try await serve { program, service, ada in
      let none = try await program("pair", "requests")
      #expect(none.output.contains("pair watch"))
      try await Program.run(isMade: false) { peer in
        async let asked = peer(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--keystore", "file")
        let waiting = try await request(program)
        let words = try #require(waiting["words"] as? String)
        let shown = try await program("pair", "requests")
        #expect(shown.output.contains(words) && shown.output.contains("A device asks for Ada"))
        let id = try #require(waiting["id"] as? String)
        let approved = try await program("pair", "approve", id)
        #expect(approved.status == 0, "\(approved)")
        #expect(approved.output.contains("peer revoke"))
        let paired = try await asked
        #expect(paired.status == 0, "\(paired)")
        #expect(paired.output.contains("Ada is remembered") && paired.output.contains("90 days"))
        #expect(paired.errors.contains(words))
        #expect(paired.errors.contains(try #require(waiting["connector"] as? String)))

        let answer = try await peer("connect", "run", "Ada", "say one two")
        #expect(answer.output.trimmingCharacters(in: .whitespacesAndNewlines) == "one two")
        let list = try await program("peer", "list", "--json")
        #expect(list.list.first?["connector"] as? String == waiting["connector"] as? String)
        #expect(list.list.first?["agent"] as? String == "Ada" && list.list.first?["lastSeenAt"] != nil)
        let table = try await program("peer", "list")
        #expect(table.output.contains("active"))

        let gone = try await program("pair", "approve", id, "--json")
        #expect(gone.status == 4 && gone.code == "request_not_found")
        let peerID = try #require(list.list.first?["id"] as? String)
        let revoked = try await program("peer", "revoke", String(peerID.prefix(8)))
        #expect(revoked.status == 0)
        #expect(try await peer("connect", "run", "Ada", "say three").status == 3)
        #expect(try await program("peer", "revoke", "00000000").status == 4)
        #expect(try peer.files(holding: [words]).isEmpty)
      }
    }
    #expect(!log.contains("osk-v1") && log.contains("a connector was let in"))
  }

  @Test("--permanent lets in for ever, and a device is called what it is to be called")
  func permanent() async throws {
    try await serve { program, service, ada in
      try await Program.run(isMade: false) { peer in
        async let asked = peer(
          "connect", "pair", "--url", service.url, "--agent", ada.id, "--address", ada.address, "--name",
          "home", "--keystore", "file", "--json")
        let id = try #require(try await request(program)["id"] as? String)
        let approved = try await program("pair", "approve", id, "--permanent", "--json")
        #expect(approved.json["status"] as? String == "paired")
        let paired = try await asked
        #expect(paired.json["name"] as? String == "home" && paired.json["agentID"] as? String == ada.id)
        let list = try await program("peer", "list", "--json")
        #expect(list.list.count == 1 && list.list[0]["expiresAt"] == nil)
        #expect(try await peer("connect", "run", "home", "say one").status == 0)
        let taken = try await peer(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--name", "home", "--json")
        #expect(taken.status == 1)
      }
    }
  }

  @Test("a device that is denied is told so and keeps nothing")
  func denied() async throws {
    try await serve { program, service, ada in
      try await Program.run(isMade: false) { peer in
        async let asked = peer(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--keystore", "file", "--json")
        let id = try #require(try await request(program)["id"] as? String)
        #expect(try await program("pair", "deny", id).output.contains("Denied"))
        let told = try await asked
        #expect(told.status == 3 && told.code == "pairing_denied")
        #expect(try await peer("connect", "list", "--json").list.isEmpty)
        let again = try await peer(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--json")
        #expect(again.code == "pairing_busy")
        #expect(try await program("peer", "list", "--json").list.isEmpty)
      }
    }
  }

  @Test("without the agent's address a script has to say that it believes anybody")
  func firstUse() async throws {
    try await serve { program, service, ada in
      try await Program.run(isMade: false) { peer in
        let refused = try await peer(
          "connect", "pair", "--url", service.url, "--agent", ada.id, "--keystore", "file", "--json")
        #expect(refused.status == 2)
        async let asked = peer(
          "connect", "pair", "--url", service.url, "--agent", ada.id, "--keystore", "file", "--yes")
        let id = try #require(try await request(program)["id"] as? String)
        _ = try await program("pair", "approve", id)
        let paired = try await asked
        #expect(paired.status == 0, "\(paired)")
        #expect(paired.errors.contains("compared with nothing") && paired.errors.contains(ada.address))
      }
    }
  }

  @Test("an agent that no device may ask for is not there for them; its flag is said and shown")
  func hidden() async throws {
    try await serve { program, service, ada in
      #expect(try await program("agent", "set", "Ada", "--no-pairing").status == 0)
      #expect(try await program("agent", "show", "Ada").output.contains("no device may ask"))
      try await Program.run(isMade: false) { peer in
        let told = try await peer(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--keystore", "file", "--json")
        #expect(told.status == 4 && told.code == "agent_not_found")
      }
    }
  }

  @Test("pair needs the service")
  func stopped() async throws {
    try await Program.run { program in
      for command in [["requests"], ["approve", "00000000"], ["deny", "00000000"], ["watch"]] {
        #expect(try await program.run(["pair"] + command).status == 5)
      }
      let list = try await program("peer", "list")
      #expect(list.status == 0 && list.output.contains("No devices yet"))
    }
  }

  @Test("without a terminal, pair watch tells of each device in a line, until the service ends")
  func watchingInAScript() async throws {
    try await serve { program, service, ada in
      async let watched = program("pair", "watch", "--json")
      try await Program.run(isMade: false) { peer in
        async let asked = peer(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--keystore", "file")
        let id = try #require(try await request(program)["id"] as? String)
        _ = try await program("pair", "approve", id)
        #expect(try await asked.status == 0)
        // One that asks while the other is known to be listening.
        async let again = peer(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--name", "b", "--keystore", "file"
        )
        let next = try #require(try await request(program)["id"] as? String)
        _ = try await program("pair", "approve", next)
        #expect(try await again.status == 0)
      }
      kill(service.process, SIGTERM)
      let ended = try await watched
      #expect(ended.status == 5)
      for line in ended.output.split(separator: "\n") where line.hasPrefix("{\"agent\"") {
        #expect(line.contains(ada.address) && line.contains("\"words\":"))
      }
    }
  }

  // MARK: Terminals

  @Test("pair watch asks; Enter, and what was typed before, let nobody in")
  func watching() async throws {
    try await serve { program, service, ada in
      let watch = try program.onTerminal("pair", "watch", columns: 100)
      try await watch.see("Waiting for devices")
      watch.enter("yes")
      try await Program.run(isMade: false) { peer in
        async let asked = peer(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--keystore", "file")
        try await watch.see("A device asks for Ada")
        let words = try #require(try await request(program)["words"] as? String)
        try await watch.see(words)
        try await watch.see("before you type one:")
        watch.enter()
        try await watch.see("before you type one: Does the device show these words?")
        #expect(try await program("peer", "list", "--json").list.isEmpty)
        watch.enter("yes")
        try await watch.see("Take it back with: osaurus-host peer revoke")
        let paired = try await asked
        #expect(paired.status == 0, "\(paired)")
      }
      watch.type(PseudoTerminal.interrupt)
      #expect(try await watch.end() != 0)
      #expect(watch.isRestored)
    }
  }

  @Test("serve asks on its own terminal, and no is no")
  func servingOnATerminal() async throws {
    try await Program.run(environment: ["OSAURUS_PAIRINGS_PER_MINUTE": "1000"]) { program in
      let made = try await program("agent", "create", "Ada", "--json")
      let address = try #require(made.json["address"] as? String)
      let serving = try program.onTerminal("serve", "--port", "0", columns: 120)
      let screen = try await serving.see("is in order")
      let port = try #require(screen.firstMatch(of: /127\.0\.0\.1:([0-9]+)/)).1
      try await Program.run(isMade: false) { peer in
        let device = try peer.onTerminal(
          "connect", "pair", "--url", "http://127.0.0.1:\(port)", "--agent", address, "--keystore", "file",
          columns: 120)
        try await serving.see("before you type one:")
        try await device.see("waiting for the owner, ")
        let words = try #require(try await request(program)["words"] as? String)
        #expect(PseudoTerminal.flat(serving.screen).contains(words))
        #expect(PseudoTerminal.flat(device.screen).contains(words))
        serving.enter("no")
        try await serving.see("Denied.")
        try await device.see("did not let this machine in")
        #expect(try await device.end() == 3)
        #expect(device.isRestored)
      }
      serving.type(PseudoTerminal.interrupt)
      #expect(try await serving.end() == 0)
      #expect(serving.isRestored)
    }
  }

  @Test("a device that gives up with Ctrl-C leaves nothing on either side")
  func givingUp() async throws {
    try await serve { program, service, ada in
      try await Program.run(isMade: false) { peer in
        let device = try peer.onTerminal(
          "connect", "pair", "--url", service.url, "--agent", ada.address, "--keystore", "file")
        try await device.see("waiting for the owner")
        _ = try await request(program)
        device.type(PseudoTerminal.interrupt)
        #expect(try await device.end() != 0)
        #expect(device.isRestored)
        while try await !program("pair", "requests", "--json").list.isEmpty {}
        #expect(try await peer("connect", "list", "--json").list.isEmpty)
        #expect(try peer.files(holding: ["connector-seed", "osk-v1"]).isEmpty)
      }
      #expect(try await program("peer", "list", "--json").list.isEmpty)
      #expect(try await program("key", "list", "--json").list.isEmpty)
    }
  }
}

@Suite("The question about a device")
struct PairingPromptTests {
  private func request(_ id: String) -> PairRequestRow {
    PairRequestRow(
      id: id, agent: "Ada", agentAddress: "0x", connector: "0x", words: "a b c d", from: "x", askedAt: "",
      endsAt: "")
  }

  @Test("a request is shown once, and only whole words decide")
  func words() {
    let first = request("1")
    for (line, word) in [
      ("yes", PairingPrompt.Word.allow(permanently: false)), (" Forever ", .allow(permanently: true)),
      ("NO", .deny),
    ] {
      var prompt = PairingPrompt()
      #expect(prompt.take(.line("yes")).isEmpty)
      #expect(
        prompt.take(.waiting([first])) == [.show(first), .dropInput, .say(PairingPrompt.question)])
      #expect(prompt.take(.waiting([first])).isEmpty)
      for other in ["", " ", "y", "n", "ye", "yes please", "1"] {
        #expect(prompt.take(.line(other)) == [.say(PairingPrompt.question)])
      }
      #expect(prompt.take(.line(line)) == [.decide(id: "1", word)])
      #expect(prompt.take(.line("yes")).isEmpty)
    }
  }

  @Test("an answer is never for another device than the one that was shown")
  func others() {
    var prompt = PairingPrompt()
    _ = prompt.take(.waiting([request("1")]))
    #expect(prompt.take(.waiting([])).count == 1)
    #expect(prompt.take(.line("yes")).isEmpty)
    _ = prompt.take(.waiting([request("2")]))
    #expect(
      prompt.take(.waiting([request("3")])).suffix(3) == [
        .show(request("3")), .dropInput, .say(PairingPrompt.question),
      ])
    #expect(prompt.take(.line("yes")) == [.decide(id: "3", .allow(permanently: false))])
  }
}
