import Foundation
import HTTPTypes
import Storage
import Stores
import Synchronization
import Testing

@testable import Host

@Suite("Exchanging the data key of a host that runs", .timeLimit(.minutes(3)))
struct ServedRotationTests {
  /// What was acknowledged.
  private final class Acknowledged: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }
    func add(_ text: String) { texts.withLock { $0.append(text) } }
  }

  private func expectGood(_ host: WholeHost) throws {
    let storage = try HostStorage(folders: host.services.folders, settings: host.services.settings)
    let broken = try storage.verify().findings.filter { $0.state == .broken }
    #expect(broken.isEmpty, "\(broken)")
    #expect(storage.key.generation.description == host.services.rotation.status.outcome?.generation)
  }

  @Test("writers and readers go on meanwhile, and nothing that was acknowledged is lost")
  func underLoad() async throws {
    try await WholeHost.serve { host, _ in
      let chats = host.services.chats
      let session = UUID()
      _ = try await chats.openSession(
        session, agentID: nil, openedBy: .owner, title: "Load", model: nil, source: .chat)
      let (acknowledged, stop) = (Acknowledged(), Acknowledged())
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<3 {
          group.addTask {
            var number = 0
            while stop.all.isEmpty {
              let text = "\(writer)-\(number)"
              let document = NewAttachment(
                position: 0, kind: "document", mediaType: nil, part: "{}", encoding: .text,
                content: Data((text + String(repeating: "x", count: 20_000)).utf8))
              try await chats.append(
                [NewTurn(role: "user", content: text, attachments: number % 5 == 0 ? [document] : [])],
                to: session)
              acknowledged.add(text)
              number += 1
            }
          }
        }
        group.addTask {
          while stop.all.isEmpty {
            _ = try await chats.turns(of: session)
            for attachment in try await chats.attachments(of: session).suffix(3) {
              _ = try await chats.content(of: attachment)
            }
            _ = try await host.services.keys.list()
          }
        }
        for round in 0..<3 {
          while acknowledged.all.count < 60 * (round + 1) { await Task.yield() }
          try host.services.rotation.start()
          await host.services.rotation.wait()
          #expect(host.services.rotation.status.failure == nil)
        }
        stop.add("")
        try await group.waitForAll()
      }
      let kept = try await chats.turns(of: session).map(\.content)
      #expect(kept.count == acknowledged.all.count && Set(kept) == Set(acknowledged.all))
      for attachment in try await chats.attachments(of: session) {
        #expect(try await chats.content(of: attachment).count == attachment.byteCount)
      }
      try expectGood(host)
      // It goes on under the new key.
      _ = try await host.agent("Ada")
      #expect(try await host.services.agents.list().map(\.name) == ["Ada"])
    }
  }

  @Test("the owner begins it, is told how far it is, and a second one is refused meanwhile")
  func overTheSocket() async throws {
    try await WholeHost.serve { host, _ in
      let key = try await host.key()
      #expect(try await host.ask("GET", "/control/storage/rotation").json["isRunning"] as? Bool == false)
      let release = Acknowledged()
      // A reader who stays keeps it from its turning point.
      let reader = Task {
        try await host.services.databases.host.staying(.reading) { _ in
          while release.all.isEmpty { await Task.yield() }
        }
      }
      let begun = try await host.ask("POST", "/control/storage/rotation")
      #expect(begun.status == 200 && begun.json["isRunning"] as? Bool == true)
      let again = try await host.ask("POST", "/control/storage/rotation")
      #expect(again.status == 409 && again.json["error"] as? String == "rotation_running")
      let status = try await host.ask("GET", "/control/status")
      let rotation = try #require(status.json["rotation"] as? [String: Any])
      #expect(rotation["percent"] is Int)
      release.add("")
      try await reader.value
      await host.services.rotation.wait()
      let done = try await host.ask("GET", "/control/storage/rotation")
      #expect((done.json["outcome"] as? [String: Any])?["slots"] as? [String] == ["phrase"])
      #expect(try await host.ask("GET", "/control/status").json["rotation"] == nil)
      let answer = try await host.fromElsewhere(.get, "/agents", key: key.text)
      #expect(answer.status == 200)
      try expectGood(host)
    }
  }

  @Test("it is taken back when the owner says so, and writers go on under the old key")
  func takenBack() async throws {
    try await WholeHost.serve { host, _ in
      let before = try HostKeyStore.keys(of: host.services.settings, folders: host.services.folders).1
      let stop = Acknowledged()
      let reader = Task {
        try await host.services.databases.host.staying(.reading) { _ in
          while stop.all.isEmpty { await Task.yield() }
        }
      }
      _ = try await host.ask("POST", "/control/storage/rotation")
      let cancelling = Task {
        try await host.ask("DELETE", "/control/storage/rotation").json["failure"] as? String
      }
      await Task.yield()
      stop.add("")
      try await reader.value
      let failure = try await cancelling.value
      if failure != nil {
        let after = try HostKeyStore.keys(of: host.services.settings, folders: host.services.folders).1
        #expect(after.isEqual(to: before))
        #expect(!NextGeneration(of: host.services.folders).isThere)
      }
      _ = try await host.agent("Ada")
      #expect(try await host.services.agents.list().count == 1)
    }
  }
}
