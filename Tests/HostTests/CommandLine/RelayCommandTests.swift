import Foundation
import Relay
import Testing

@testable import Host

/// `relay`, and what it changes about `status`, `invite` and `connect`, as a person uses them on two machines.
@Suite("osaurus-host relay", .serialized, .timeLimit(.minutes(10)))
struct RelayCommandTests {
  private static let environment = ["OSAURUS_REDEMPTIONS_PER_MINUTE": "100000"]

  @Test("an agent is up on a relay, is invited to through it, is asked there, and is taken down again")
  func journey() async throws {
    try await RelayLab.withRelay { _, port in
      try await ScriptedModelServer.run { _, url in
        let environment = Self.environment.merging(["OSAURUS_MODEL_URL": url]) { $1 }
        try await Program.run(environment: environment) { program in
          _ = try await program("agent", "create", "Ada")
          try await program.serve { service in
            try await Self.use(program, port)
            try await Self.comeFromAfar(program, port, service.port)
            let down = try await program("relay", "down")
            #expect(down.output.contains("No agent"))
            let off = try await program("relay", "status", "--json")
            #expect((off.json["agents"] as? [Any])?.isEmpty == true)
          }
          // What was up comes up again with the next start.
          _ = try await program("relay", "up", "Ada")
          try await program.serve { _ in
            let again = try await program("relay", "up", "Ada", "--json")
            #expect(Self.agents(again).first?["state"] as? String == "up", "\(again)")
          }
        }
      }
    }
  }

  private static func agents(_ outcome: Program.Outcome) -> [[String: Any]] {
    outcome.json["agents"] as? [[String: Any]] ?? []
  }

  private static func use(_ program: Program, _ port: Int) async throws {
    let none = try await program("relay")
    #expect(none.status == 0 && none.output.contains("osaurus-host relay up"))
    let up = try await program("relay", "up", "--url", "ws://127.0.0.1:\(port)", "Ada")
    #expect(up.status == 0, "\(up)")
    #expect(up.output.contains("1 of 1 reached through ws://127.0.0.1:\(port)"), "\(up)")
    let status = try await program("status")
    #expect(status.output.contains("relay        1 of 1 reached"), "\(status)")
    for (arguments, expected) in [
      (["up", "--url", "ws://relay.example"], 1), (["up", "Nobody"], 4), (["down", "Nobody"], 4),
      (["up", "--insecure"], 2),
    ] as [([String], Int32)] {
      let outcome = try await program.run(["relay"] + arguments)
      #expect(outcome.status == expected, "\(outcome)")
      #expect(!outcome.errors.isEmpty)
    }
  }

  private static func comeFromAfar(_ program: Program, _ relay: Int, _ port: Int) async throws {
    let made = try await program("invite", "create", "Ada", "--relay", "--json")
    let url = try #require(made.json["url"] as? String, "\(made)")
    #expect(url.hasPrefix("http://127.0.0.1:\(relay)/a/0x"))
    let link = try #require(made.json["link"] as? String)
    try await Program.run(isMade: false) { peer in
      let redeemed = try await peer("connect", "redeem", "--keystore", "file", "--json", input: link + "\n")
      #expect(redeemed.status == 0, "\(redeemed)")
      #expect(redeemed.json["url"] as? String == url)
      let far = try await peer("connect", "run", "Ada", "say one two")
      #expect(far.output.trimmingCharacters(in: .whitespacesAndNewlines) == "one two", "\(far)")
      // At home it is asked directly, and while nobody is there, through the relay.
      let moved = try await peer("connect", "move", "Ada", "--url", "http://127.0.0.1:\(port)")
      #expect(moved.output.contains("or else at \(url)"), "\(moved)")
      let near = try await peer("connect", "run", "Ada", "say three")
      #expect(near.output.trimmingCharacters(in: .whitespacesAndNewlines) == "three", "\(near)")
      _ = try await peer("connect", "move", "Ada", "--url", "http://127.0.0.1:1")
      let again = try await peer("connect", "run", "Ada", "say four")
      #expect(again.output.trimmingCharacters(in: .whitespacesAndNewlines) == "four", "\(again)")
      let list = try await peer("connect", "list", "--json")
      #expect(list.list.first?["relayURL"] as? String == url)
      for (arguments, expected) in [
        (["Ada"], 2), (["Nobody", "--url", "http://x"], 4), (["Ada", "--url", "x"], 1),
        (["Ada", "--relay", "http://x", "--no-relay"], 2),
      ] as [([String], Int32)] {
        let outcome = try await peer.run(["connect", "move"] + arguments)
        #expect(outcome.status == expected, "\(outcome)")
      }
      #expect(try peer.files(holding: [link]).isEmpty)
    }
  }
}
