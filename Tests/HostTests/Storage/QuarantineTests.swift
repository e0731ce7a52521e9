import Foundation
import Keyring
import SecretMemory
import Storage
import Stores
import Testing

@testable import Host

@Suite("Broken databases are moved aside", .timeLimit(.minutes(10)))
struct QuarantineTests {
  private struct Stop: Error {}

  @Test("with all that belongs to them, byte for byte; the host begins a new one, and runs")
  func moved() async throws {
    let host = try await StoredHost()
    try StoredHost.flip(host.file(.chatHistory), at: 50)
    let before = try host.content()
    let moved = try Quarantine(host.storage).move(.chatHistory)
    #expect(moved.files.contains("chat/history.sqlite") && moved.files.contains("chat/blobs"))
    let after = try host.content()
    for (path, bytes) in before {
      #expect(after[path.hasPrefix("chat/") ? "\(moved.folder)/\(path)" : path] == bytes, "\(path)")
    }
    #expect(after.count == before.count)
    #expect(try host.storage.status().quarantine == [moved.folder])
    let services = try await host.services()
    #expect(services.degraded.isEmpty)
    #expect(try await services.chats.sessions().isEmpty)
    await services.shutdown()
    #expect(try host.content()["\(moved.folder)/chat/history.sqlite"] == before["chat/history.sqlite"])
  }

  @Test("after a stop between any two moves nothing is lost, no empty history is begun, and the rest follows")
  func interrupted() async throws {
    for stop in 0..<3 {
      let host = try await StoredHost()
      try StoredHost.flip(host.file(.chatHistory), at: 50)
      // A log is left of a process that was killed.
      try Data("log".utf8).write(to: URL(filePath: host.file(.chatHistory).path + "-wal"))
      let before = try host.content().filter { $0.key.hasPrefix("chat/") }
      func expectNothingLost(_ when: String) throws {
        let after = Set(try host.content().values)
        for (path, bytes) in before { #expect(after.contains(bytes), "\(path), \(when), stopped at \(stop)") }
      }
      var steps = 0
      #expect(throws: Stop.self) {
        _ = try Quarantine(host.storage).move(.chatHistory, now: Date()) { _ in
          guard steps < stop else { throw Stop() }
          steps += 1
        }
      }
      let services = try await host.services()
      #expect(services.degraded.map(\.name) == ["chat/history.sqlite"], "stopped at \(stop)")
      await services.shutdown()
      try expectNothingLost("after a start")
      _ = try Quarantine(host.storage).move(.chatHistory)
      try expectNothingLost("in the end")
      let again = try await host.services()
      #expect(again.degraded.isEmpty)
      await again.shutdown()
    }
  }

  @Test("one in which nothing is wrong, or that a service may have open, stays where it is")
  func refusals() async throws {
    let host = try await StoredHost()
    let quarantine = Quarantine(try host.storage)
    let before = try host.content()
    #expect(throws: HostError.notBroken(database: "chat/history.sqlite")) {
      try quarantine.move(.chatHistory)
    }
    let plugin = DatabaseName.plugin(try #require(PluginID(rawValue: "weather")))
    #expect(throws: HostError.nothingToMove(database: "plugins/weather/data.sqlite")) {
      try quarantine.move(plugin)
    }
    let agent = DatabaseName.agent(UUID())
    #expect(throws: HostError.nothingToMove(database: agent.rawValue)) { try quarantine.move(agent) }
    let lock = try #require(try FileLock(tryFor: host.folders.serviceLock))
    #expect(throws: HostError.dataInUse(folder: host.folders.data.path)) { try quarantine.move(.chatHistory) }
    withExtendedLifetime(lock) {}
    #expect(try host.content() == before)
  }

  @Test("a page inside that is damaged is a reason, once nobody has the database open")
  func damagedInside() async throws {
    let host = try await StoredHost()
    let file = host.file(.chatHistory)
    let size = try Data(contentsOf: file).count
    try StoredHost.flip(file, at: size - 2000)
    #expect(try !Quarantine(host.storage).check(.chatHistory).isEmpty)
    #expect(try Quarantine(host.storage).move(.chatHistory).files.first == "chat/history.sqlite")
  }

  @Test("under a wrong key nothing is moved: it is the key that is wrong")
  func wrongKey() async throws {
    let host = try await StoredHost()
    try FileKeyStore(file: host.folders.keyFile).store(.random(count: 32), as: .dataKey)
    let before = try host.content()
    let quarantine = Quarantine(try HostStorage(folders: host.folders, settings: host.settings))
    for name in DatabaseName.single {
      #expect(throws: StorageError.wrongKey(database: name.rawValue)) { try quarantine.move(name) }
    }
    #expect(try host.content() == before)
  }
}
