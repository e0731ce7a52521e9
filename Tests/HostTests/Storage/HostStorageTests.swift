import Foundation
import GRDB
import Keyring
import Storage
import Stores
import Testing

@testable import Host

@Suite("A look at all that is stored", .timeLimit(.minutes(10)))
struct HostStorageTests {
  @Test("the status tells each database, its size, schema and key, and changes nothing")
  func status() async throws {
    let host = try await StoredHost()
    let before = try host.content()
    let status = try host.storage.status()
    #expect(
      status.databases.map(\.name) == ["chat/history.sqlite", "host/host.sqlite", "memory/memory.sqlite"])
    #expect(
      status.databases.allSatisfy { $0.condition == "current" && $0.keyGeneration == status.keyGeneration })
    #expect(status.databases.first?.schemaVersion == ChatSchema.migrator.migrations.count)
    #expect(status.databases.allSatisfy { $0.bytes > 4096 && $0.logBytes == 0 })
    #expect(status.blobs.count == 1)
    #expect(status.blobs.bytes > 100_000)
    #expect(status.slots == ["phrase"])
    #expect(status.degraded.isEmpty && status.quarantine.isEmpty)
    #expect(try host.content() == before)
  }

  @Test("a host as it was written has nothing broken, whether a service is at work on it or not")
  func whole() async throws {
    let host = try await StoredHost()
    let before = try host.content()
    #expect(try !host.storage.verify().isBroken)
    #expect(try host.content() == before)
    let services = try await host.services()
    try await services.chats.append([NewTurn(role: "user", content: "and more")], to: host.session)
    var steps: [Int] = []
    let found = try host.storage.verify { steps.append($0.done) }
    #expect(!found.isBroken)
    #expect(steps == Array(0..<4))
    #expect(found.findings.allSatisfy { $0.state == .good })
    await services.shutdown()
  }

  @Test("a flipped byte in any page of any database is found, and told of that database alone")
  func everyPage() async throws {
    let host = try await StoredHost()
    for name in [DatabaseName.chatHistory, .host, .memory] {
      let file = host.file(name)
      let pages = try Data(contentsOf: file).count / 4096
      #expect(pages > 5)
      for page in 0..<pages {
        let offset = page * 4096 + Int.random(in: 0..<4096)
        try StoredHost.flip(file, at: offset)
        #expect(try Set(host.broken()) == [name.rawValue], "byte \(offset)")
        try StoredHost.flip(file, at: offset)
      }
    }
    #expect(try host.broken().isEmpty)
  }

  @Test("a flipped byte, a lost file and an exchanged one are found among attachments; one too many is noted")
  func blobs() async throws {
    let host = try await StoredHost()
    let name = try #require(try host.storage.blobs.names().first)
    let file = name.file(in: host.folders)
    let bytes = try Data(contentsOf: file)
    for offset in [0, 20, 60, 88, 5000, bytes.count - 1] {
      try StoredHost.flip(file, at: offset)
      #expect(try host.broken() == [name.path], "byte \(offset)")
      try StoredHost.flip(file, at: offset)
    }
    let other = try host.storage.blobs.stage(Data([1, 2, 3]))
    try host.storage.blobs.place(other)
    let found = try host.storage.verify()
    #expect(!found.isBroken)
    #expect(found.findings.contains { $0.state == .note && $0.part == "chat/blobs" })
    try PrivateFile.replace(file, with: [UInt8](Data(contentsOf: other.name.file(in: host.folders))))
    #expect(try host.broken() == [name.path])
    try FileManager.default.removeItem(at: file)
    #expect(try host.broken() == [name.path])
    try PrivateFile.replace(file, with: [UInt8](bytes))
    #expect(try host.broken().isEmpty)
  }

  @Test("rows that were changed and an index that was not kept are found")
  func content() async throws {
    let host = try await StoredHost()
    func change(_ sql: String) async throws {
      let databases = try host.open()
      try await databases.chatHistory.pool.write { try $0.execute(sql: sql) }
      databases.close()
    }
    try await change("UPDATE turns SET content = '', thinking = content WHERE position = 3")
    #expect(try host.broken() == ["chat/history.sqlite"])
    try await change("UPDATE turns SET content = thinking, thinking = '' WHERE position = 3")
    #expect(try host.broken().isEmpty)

    try await change("INSERT INTO turns_text (turns_text, rowid, content) VALUES ('delete', 3, 'tulip')")
    #expect(try host.broken() == ["chat/history.sqlite"])
    try await change("INSERT INTO turns_text (turns_text) VALUES ('rebuild')")
    #expect(try host.broken().isEmpty)

    let databases = try host.open()
    let memory = try databases.memory.pool
    let store = MemoryStore(StoreDatabase(memory))
    _ = try await store.add(
      NewMemory(agentID: nil, layer: .identity, author: .owner, content: "Où est le café?", salience: 0.5))
    databases.close()
    #expect(try host.broken().isEmpty)
    let again = try host.open()
    try await again.memory.write {
      try $0.execute(sql: "INSERT INTO memories_text (rowid, content) VALUES (99, 'nothing')")
    }
    again.close()
    #expect(try host.broken() == ["memory/memory.sqlite"])
  }

  @Test("slots that do not fit the key are found")
  func slots() async throws {
    let host = try await StoredHost()
    let file = host.folders.keySlotsFile
    let text = try String(contentsOf: file, encoding: .utf8)
    try PrivateFile.replace(file, with: Array(text.replacing("\"created\":1", with: "\"created\":2").utf8))
    #expect(try host.broken() == ["keyslots.json"])
  }
}
