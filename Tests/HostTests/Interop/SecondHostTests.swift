import Foundation
import Testing

/// This program's `connect` against somebody else's host.
@Suite(
  "A host of another make", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: SecondWire.isInstalled, "run Tests/Interop/install"))
struct SecondHostTests {
  private func pair(_ program: Program, _ host: SecondWire.Host) async throws -> Program.Outcome {
    try await program(
      "connect", "pair", "--url", host.url, "--agent", host.agentId, "--address", host.address, "--keystore",
      "file", "--json")
  }

  @Test(
    "connect pair is let in, and connect run is answered, whether the host signs its whole answer or not",
    arguments: ["well", "binding"])
  func journey(manner: String) async throws {
    try await SecondWire.host(manner) { host in
      try await Program.run(isMade: false) { program in
        let paired = try await pair(program, host)
        #expect(paired.status == 0, "\(paired)")
        #expect(paired.json["name"] as? String == "Rex" && paired.json["address"] as? String == host.address)
        for words in ["one two", "drei fünf 🦕"] {
          let said = try await program("connect", "run", "Rex", words)
          #expect(said.status == 0, "\(said)")
          #expect(said.output.trimmingCharacters(in: .whitespacesAndNewlines) == words)
        }
      }
    }
  }

  @Test("with padding a host that knows of none is asked nothing, and without it all is as it was")
  func padding() async throws {
    try await SecondWire.host("well") { host in
      try await Program.run(isMade: false) { program in
        let paired = try await pair(program, host)
        #expect(paired.status == 0, "\(paired)")
        let padded = try await program("connect", "pad", "Rex", "--json")
        #expect(padded.status == 0 && padded.json["isPadded"] as? Bool == true, "\(padded)")
        let refused = try await program("connect", "run", "Rex", "one two")
        #expect(refused.status == 1 && refused.output.isEmpty, "\(refused)")
        #expect(refused.errors.contains("connect pad NAME --off"), "\(refused)")
        #expect(try await program("connect", "pad", "Rex", "--off").status == 0)
        #expect(try await program("connect", "list", "--json").list.first?["isPadded"] as? Bool == false)
        let said = try await program("connect", "run", "Rex", "one two")
        #expect(said.output.trimmingCharacters(in: .whitespacesAndNewlines) == "one two", "\(said)")
        #expect(try await program("connect", "pad", "nobody").status == 4)
      }
    }
  }

  @Test("connect redeem takes an invite whose details nobody signed, and what came of it is used")
  func invite() async throws {
    try await SecondWire.host("well") { host in
      try await Program.run(isMade: false) { program in
        let redeemed = try await program(
          "connect", "redeem", "--keystore", "file", "--yes", "--json", input: host.invite + "\n")
        #expect(redeemed.status == 0, "\(redeemed)")
        let name = try #require(redeemed.json["name"] as? String)
        let said = try await program("connect", "run", name, "one two")
        #expect(said.output.trimmingCharacters(in: .whitespacesAndNewlines) == "one two", "\(said)")
      }
    }
  }

  @Test("a session that the host has forgotten is opened anew, and the question asked once more")
  func forgetful() async throws {
    try await SecondWire.host("forgetful") { host in
      try await Program.run(isMade: false) { program in
        let paired = try await pair(program, host)
        #expect(paired.status == 0, "\(paired)")
        let said = try await program("connect", "run", "Rex", "one")
        #expect(said.status == 0, "\(said)")
      }
    }
  }

  @Test(
    "a host that denies, gives the key away, or did not sign for it is left with nothing kept",
    arguments: [
      ("denying", "pairing_denied"), ("plain", "untrusted_answer"), ("unsigned", "untrusted_answer"),
    ])
  func notLetIn(manner: String, code: String) async throws {
    try await SecondWire.host(manner) { host in
      try await Program.run(isMade: false) { program in
        let paired = try await pair(program, host)
        #expect(paired.status != 0 && paired.code == code, "\(paired)")
        #expect(try await program("connect", "list", "--json").list.isEmpty)
        #expect(try program.files(holding: ["osk-v1"]).isEmpty)
      }
    }
  }

  @Test("a handshake that another agent signed opens no channel")
  func impostor() async throws {
    try await SecondWire.host("impostor") { host in
      try await Program.run(isMade: false) { program in
        let paired = try await pair(program, host)
        #expect(paired.status != 0 && paired.code == "connection", "\(paired)")
      }
    }
  }

  @Test(
    "an answer that was cut, reordered, repeated, changed or ended early is reported, after what had arrived",
    arguments: ["cutting", "swapping", "repeating", "flipping", "ending"])
  func tampered(manner: String) async throws {
    try await SecondWire.host(manner) { host in
      try await Program.run(isMade: false) { program in
        let paired = try await pair(program, host)
        #expect(paired.status == 0, "\(paired)")
        let words = "one two three four five six seven eight nine ten"
        let said = try await program("connect", "run", "Rex", words)
        #expect(said.status == 1, "\(said)")
        #expect(!said.errors.isEmpty)
        let shown = said.output.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(manner == "cutting" ? shown == words : !shown.contains("three"), "\(said)")
      }
    }
  }
}
