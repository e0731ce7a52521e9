import Foundation
import TestSupport
import Testing

@testable import Host

/// The program and its service on a disk that takes nothing more.
@Suite(
  "The service on a full disk", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: SmallDisk.isWanted, Comment(rawValue: SmallDisk.isMissing)))
struct FullDiskServiceTests {
  private func withHost(_ body: (Program, SmallDisk) async throws -> Void) async throws {
    let disk = try SmallDisk(kibibytes: 16_384)
    let program = Program(home: disk.folder.path + "/h")
    let made = try await program("init", "--non-interactive", "--json", "--keystore", "file")
    try #require(made.status == 0, "\(made)")
    try await body(program, disk)
    withExtendedLifetime(disk) {}
  }

  @Test("a host that is made while there is too little room says so, and is made when there is enough")
  func making() async throws {
    let disk = try SmallDisk(kibibytes: 16_384)
    let program = Program(home: disk.folder.path + "/h")
    var refusals = 0
    for kibibytes in [0, 8, 24, 60, 140, 300] {
      try disk.fill(leaving: kibibytes << 10)
      let made = try await program("init", "--non-interactive", "--json", "--keystore", "file")
      disk.empty()
      if made.status == 0 { break }
      refusals += 1
      #expect((made.json["message"] as? String)?.lowercased().contains("the disk is full") == true, "\(made)")
    }
    #expect(refusals > 1)
    let made = try await program("init", "--non-interactive", "--json", "--keystore", "file")
    #expect(made.status == 0 || made.code == "already_initialised", "\(made)")
    #expect(try await program("storage", "verify").status == 0)
  }

  @Test("what cannot be kept is refused with 507, what is there is read, and all works again with room")
  func running() async throws {
    try await ScriptedModelServer.run { _, url in
      try await withHost { bare, disk in
        var program = bare
        program.environment = ["OSAURUS_MODEL_URL": url]
        let ada = try await program("agent", "create", "Ada", "--json")
        let agent = try #require(ada.json["id"] as? String)
        let ending = try await program.serve { service in
          let control = WireClient(socket: program.controlSocket)
          let chat = #"{"model":"","messages":[{"role":"user","content":"say yes"}]}"#
          let memory =
            #"{"agent_id":"\#(agent)","conversation_id":"c","turns":[{"user":"u","assistant":"a"}]}"#
          let orders = [
            ("/memory/ingest", memory), ("/control/keys", "{}"), ("/control/agents", #"{"name":"Bob"}"#),
            ("/control/memory", #"{"agent":"Ada","text":"x"}"#),
          ]
          try disk.fill()
          // What room the logs still have is used up first.
          for _ in 0..<200 {
            _ = try await control.ask("POST", "/control/keys", "{}")
            _ = try await control.ask(
              "POST", "/memory/ingest", memory.replacing(#""c""#, with: "\"\(UUID())\""))
          }
          for (path, body) in orders {
            let answer = try await control.ask("POST", path, body)
            #expect(answer.status == 507, "\(path): \(answer.status) \(answer.text)")
            #expect(answer.text.contains("storage_full") && answer.text.contains("disk"))
          }
          let said = try await control.ask("POST", "/agents/\(agent)/run", chat)
          #expect(said.text.contains("storage_full") && said.events.last == "[DONE]", "\(said.text)")
          // One who wants nothing kept is answered all the same.
          let unkept = try await control.ask(
            "POST", "/agents/\(agent)/run", chat, headers: ["X-Persist: false"])
          #expect(!unkept.text.contains("error"), "\(unkept.text)")
          for path in ["/health", "/agents", "/control/keys", "/control/agents"] {
            #expect(try await control.ask("GET", path).status == 200)
          }
          let doctor = try await program("doctor", "--json")
          let found = doctor.list.first { $0["part"] as? String == "disk" }
          #expect(found?["state"] as? String == "broken", "\(doctor)")
          #expect(try await program("storage", "status").status == 0)

          disk.empty()
          for (path, body) in orders {
            let answer = try await control.ask("POST", path, body)
            #expect(answer.status < 300, "\(path): \(answer.status) \(answer.text)")
          }
          let kept = try await control.ask("POST", "/agents/\(agent)/run", chat)
          #expect(!kept.text.contains("error") && kept.events.last == "[DONE]", "\(kept.text)")
        }
        #expect(ending.status == 0)
        #expect(try await program("storage", "verify").status == 0)
      }
    }
  }

  @Test("a service that finds the disk full or read-only says which, ends, and starts when it is not")
  func starting() async throws {
    try await withHost { program, disk in
      try disk.fill()
      let full = try await program("serve", "--port", "0")
      #expect(full.status == 1)
      #expect(full.errors.lowercased().contains("the disk is full"), "\(full)")
      disk.empty()
      try disk.setReadOnly(true)
      let readOnly = try await program("serve", "--port", "0")
      #expect(readOnly.status == 1)
      #expect(readOnly.errors.lowercased().contains("the disk is read-only"), "\(readOnly)")
      let doctor = try await program("doctor", "--json")
      #expect(
        doctor.list.contains {
          $0["part"] as? String == "disk" && ($0["detail"] as? String)?.contains("read-only") == true
        }, "\(doctor)")
      try disk.setReadOnly(false)
      try await program.serve { _ in
        let made = try await program("agent", "create", "Ada")
        #expect(made.status == 0)
      }
    }
  }
}
