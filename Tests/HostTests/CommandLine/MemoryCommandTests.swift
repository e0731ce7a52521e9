import Foundation
import Testing

@Suite("osaurus-host memory", .serialized, .timeLimit(.minutes(10)))
struct MemoryCommandTests {
  @Test(
    "memories are added, found, listed and forgotten, with a service and without", arguments: [false, true])
  func life(served: Bool) async throws {
    try await Program.run { program in
      func walk() async throws {
        _ = try await program("agent", "create", "Ada", "--json")
        let added = try await program(
          "memory", "add", "--agent", "Ada", "The ladder is behind the shed.", "--json")
        let id = try #require(added.json["id"] as? String)
        let piped = try await program("memory", "add", "--layer", "identity", "-", input: "I live in Lisbon.")
        #expect(piped.output.contains("Remembered as"))
        let found = try await program("memory", "search", "--agent", "Ada", "ladder")
        #expect(found.output.contains("The ladder is behind the shed."))
        #expect(found.errors.contains("By words alone"))
        let listed = try await program("memory", "list", "--json")
        #expect(listed.list.count == 2)
        let unasked = try await program("memory", "forget", "--agent", "Ada")
        #expect(unasked.status == 2)
        #expect(try await program("memory", "forget", id).status == 0)
        #expect(try await program("memory", "forget", id).status == 4)
        #expect(try await program("memory", "search", "ladder").output.contains("Nothing is remembered"))
      }
      if served {
        try await program.serve { _ in try await walk() }
      } else {
        try await walk()
      }
    }
  }

  @Test("a conversation is taken in from a file, and forgotten by its name")
  func ingest() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada", "--json")
      let file = program.home + "/talk.json"
      try Data(
        #"[{"user":"where is the ladder","assistant":"behind the shed","date":"2026-05-01"},{"user":"thanks"}]"#
          .utf8
      )
      .write(to: URL(filePath: file))
      let taken = try await program("memory", "ingest", "--agent", "Ada", "--conversation", "talk", file)
      #expect(taken.output.contains("2 exchanges"))
      #expect(try await program("memory", "list", "--layer", "transcript", "--json").list.count == 3)
      let malformed = try await program(
        "memory", "ingest", "--agent", "Ada", "--conversation", "talk", "-", input: "no JSON")
      #expect(malformed.status == 1 && malformed.errors.contains("not a JSON list"))
      let gone = try await program(
        "memory", "forget", "--agent", "Ada", "--conversation", "talk", "--yes", "--json")
      #expect(gone.json["forgotten"] as? Int == 3)
      let status = try await program("memory", "status")
      #expect(status.output.contains("memories      0"))
    }
  }

  @Test(
    "what is wrong with a call is said before anything is asked",
    arguments: [
      ["memory", "add", "x", "--layer", "dream"], ["memory", "forget"],
      ["memory", "forget", "x", "--agent", "Ada"], ["memory", "search"],
    ])
  func usage(arguments: [String]) async throws {
    try await Program.run { program in
      let outcome = try await program.run(arguments)
      #expect(outcome.status == 2)
    }
  }
}
