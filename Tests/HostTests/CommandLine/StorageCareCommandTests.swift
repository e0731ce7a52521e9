import Foundation
import GRDB
import Keyring
import Storage
import Stores
import Testing

@testable import Host

@Suite("The commands that look after what is stored", .timeLimit(.minutes(10)))
struct StorageCareCommandTests {
  private func bend(_ program: Program, _ path: String, at offset: Int) throws {
    try StoredHost.flip(URL(filePath: program.home + "/data/" + path), at: offset)
  }

  @Test("status and verify tell how it is, with the service stopped and running")
  func healthy() async throws {
    try await Program.run { program in
      func look() async throws {
        let status = try await program("storage", "status", "--json")
        #expect(status.status == 0)
        let databases = try #require(status.json["databases"] as? [[String: Any]])
        #expect(databases.map { $0["condition"] as? String } == Array(repeating: "current", count: 5))
        #expect((status.json["keyGeneration"] as? String)?.count == 16)
        #expect(try await program("storage", "status").output.contains("chat/history.sqlite"))
        let verify = try await program("storage", "verify", "--json")
        #expect(verify.status == 0)
        #expect(verify.json["broken"] as? Bool == false)
        #expect(try await program("storage", "verify").output.contains("Everything is as it was written."))
      }
      try await look()
      try await program.serve { _ in try await look() }
      let maintained = try await program("storage", "maintain", "--now")
      #expect(maintained.status == 0)
      #expect(maintained.output.contains("vacuum of chat/history.sqlite"))
      #expect(try await program("storage", "maintain").output.contains("Nothing is due."))
      try await program.serve { _ in
        let again = try await program("storage", "maintain", "--now", "--json")
        #expect((again.json["done"] as? [Any])?.count == 15)
      }
      try await look()
    }
  }

  @Test(
    "a full-text index that does not fit is told, and made anew where that is asked",
    arguments: [false, true])
  func repaired(served: Bool) async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      _ = try await program("memory", "add", "--agent", "Ada", "The ladder is behind the shed.")
      let folders = HostFolders(home: URL(filePath: program.home))
      let settings = try HostSettings.load(folders: folders, environment: [:])
      let databases = try HostDatabases.open(
        in: folders, key: try HostStorage(folders: folders, settings: settings).key)
      try await databases.memory.write {
        try $0.execute(sql: "INSERT INTO memories_text (memories_text) VALUES ('delete-all')")
      }
      databases.close()
      func walk() async throws {
        #expect(try await program("memory", "search", "ladder").output.contains("Nothing"))
        let found = try await program("storage", "verify")
        #expect(found.status == 1 && found.output.contains("storage verify --repair"))
        let repaired = try await program("storage", "verify", "--repair", "--json")
        #expect(repaired.status == 0)
        #expect(repaired.json["rebuilt"] as? [String] == ["memories_text"])
        #expect(try await program("memory", "search", "ladder").output.contains("behind the shed"))
        #expect(try await program("storage", "verify", "--repair").output.contains("as it was written"))
      }
      if served {
        try await program.serve { _ in try await walk() }
      } else {
        try await walk()
      }
    }
  }

  @Test("a damaged history is found, told, moved aside when its owner says so, and made anew")
  func damaged() async throws {
    try await Program.run { program in
      try bend(program, "chat/history.sqlite", at: 100)
      let verify = try await program("storage", "verify", "--json")
      #expect(verify.status == 1)
      #expect(verify.json["broken"] as? Bool == true)
      let status = try await program("storage", "status", "--json")
      #expect(
        (status.json["databases"] as? [[String: Any]])?.map { $0["condition"] as? String } == [
          "corrupt", "current", "current", "current", "current",
        ])
      try await program.serve { _ in
        let status = try await program("status")
        #expect(status.output.contains("chat/history.sqlite (corrupt)"))
        let made = try await program("agent", "create", "Ada")
        #expect(made.status == 0)
      }
      #expect(try await program("doctor", "--json").list.contains { $0["state"] as? String == "broken" })
      // Nobody said yes.
      #expect(try await program("storage", "quarantine", "chat/history.sqlite").status != 0)
      let moved = try await program("storage", "quarantine", "chat/history.sqlite", "--yes", "--json")
      #expect(moved.status == 0)
      #expect((moved.json["files"] as? [String])?.first == "chat/history.sqlite")
      try await program.serve { _ in
        let status = try await program("status", "--json")
        #expect((status.json["degraded"] as? [Any])?.isEmpty == true)
      }
      #expect(try await program("storage", "verify").status == 0)
    }
  }

  @Test("what is not broken, not there, or no database is refused")
  func refusals() async throws {
    try await Program.run { program in
      let healthy = try await program("storage", "quarantine", "host/host.sqlite", "--yes", "--json")
      #expect(healthy.status == 1)
      #expect(healthy.code == "not_broken")
      for name in ["plugins/weather/data.sqlite", "../x", "history.sqlite", ""] {
        #expect(try await program("storage", "quarantine", name, "--yes").status == 4, "\(name)")
      }
      try bend(program, "host/host.sqlite", at: 100)
      let serve = try await program("serve", "--port", "0")
      #expect(serve.status == 1)
      #expect(serve.errors.contains("host/host.sqlite is damaged"))
    }
  }
}
