import Foundation
import Keyring
import Storage
import Stores
import TestSupport
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("Processes that are killed while they exchange the data key")
struct KilledRotationTests {
  @Test("nothing is lost, and everything is under one key at the next start", arguments: Rounds.seeds())
  func stopped(seed: UInt64) async throws {
    let host = try await RotatedStore()
    let before = try await host.content()
    let home = host.host.home.path
    let end = SuddenEnd(
      seed: seed, journal: URL(filePath: home + "/acknowledged"), acknowledgements: 0...1,
      time: .zero ... .milliseconds(250))
    await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String, end = end as SuddenEnd] in
      let victim = Victim(end)
      let folders = HostFolders(home: URL(filePath: home))
      while true { victim.acknowledge(try await KeyRotation(folders: folders).run().generation) }
    }
    let services = try await host.services()
    await services.shutdown()
    let generation = try host.storage().key.generation.description
    try await host.expectWhole(before, under: generation)
    #expect(try host.slotsOpen().allSatisfy { $0.generation.description == generation })
    #expect(try host.items() == ["data-key", "master-key"])
    #expect(try end.acknowledged().isEmpty || generation != host.first.generation.description)
  }

  @Test(
    "a host that is written into meanwhile loses nothing that it acknowledged", arguments: Rounds.seeds())
  func served(seed: UInt64) async throws {
    let host = try await RotatedStore()
    let home = host.host.home.path
    let end = SuddenEnd(
      seed: seed, journal: URL(filePath: home + "/acknowledged"), acknowledgements: 1...120,
      time: .zero ... .milliseconds(40))
    await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String, end = end as SuddenEnd] in
      let victim = Victim(end)
      let folders = HostFolders(home: URL(filePath: home))
      let settings = try HostSettings.load(
        folders: folders, environment: ["OSAURUS_DETECT_LOCAL_SERVERS": "false"])
      let services = try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
      let session = UUID()
      _ = try await services.chats.openSession(
        session, agentID: nil, openedBy: .owner, title: "Load", model: nil, source: .chat)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<2 {
          group.addTask {
            for number in 0... {
              let text = "said \(writer)-\(number)"
              let document = NewAttachment(
                position: 0, kind: "document", mediaType: nil, part: "{}", encoding: .text,
                content: Data((text + String(repeating: "x", count: 20_000)).utf8))
              try await services.chats.append(
                [NewTurn(role: "user", content: text, attachments: number % 8 == 0 ? [document] : [])],
                to: session)
              victim.acknowledge(text)
            }
          }
        }
        group.addTask {
          while true {
            try services.rotation.start()
            await services.rotation.wait()
            guard services.rotation.status.failure == nil else { exit(9) }
          }
        }
        try await group.waitForAll()
      }
    }
    let services = try await host.services()
    var kept: Set<String> = []
    for session in try await services.chats.sessions() {
      kept.formUnion(try await services.chats.turns(of: session.id).map(\.content))
      for attachment in try await services.chats.attachments(of: session.id) {
        #expect(try await services.chats.content(of: attachment).count == attachment.byteCount)
      }
    }
    await services.shutdown()
    let acknowledged = try end.acknowledged()
    #expect(acknowledged.count >= end.acknowledgements)
    #expect(Set(acknowledged).subtracting(kept).isEmpty)
    #expect(try host.host.broken().isEmpty)
    #expect(try host.items() == ["data-key", "master-key"])
  }
}
