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
      status.databases.map(\.name) == [
        "chat/history.sqlite", "host/host.sqlite", "memory/memory.sqlite", "methods/methods.sqlite",
        "tools/index.sqlite",
      ])
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
    #expect(steps == Array(0..<6))
    #expect(found.findings.allSatisfy { $0.state == .good })
    await services.shutdown()
  }

  @Test("a flipped byte in any page of any database is found, and told of that database alone")
  func everyPage() async throws {
    let host = try await StoredHost()
    for name in DatabaseName.single {
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

  /// The ways in which an index comes to be broken, as SQL about one that is called by this name.
  private static let breakages: [(what: String, sql: @Sendable (String) -> String)] = [
    ("emptied", { "INSERT INTO \($0) (\($0)) VALUES ('delete-all')" }),
    ("a row of it is gone", { "DELETE FROM \($0)_docsize WHERE id = (SELECT max(id) FROM \($0)_docsize)" }),
    ("overwritten", { "UPDATE \($0)_data SET block = zeroblob(20) WHERE id > 10" }),
  ]

  @Test(
    "a full-text index that is broken is found in every database, is no reason to move it, and is made anew")
  func rebuiltIndexes() async throws {
    let host = try await StoredHost()
    let agent = UUID()
    let filled = try host.open()
    _ = try await MemoryStore(filled.memory).add(NewMemory(agentID: agent, content: "a tulip"))
    _ = try await MethodStore(filled.methods).add(
      MethodText(name: "tulip", description: "grows", body: "water it"), agentID: agent, writtenBy: nil)
    try await ToolStore(filled.toolIndex).replace(
      [
        NewTool(
          name: #require(ToolName(rawValue: "grow_tulip")), description: "Grows one.", runtime: .sandbox,
          parameters: ToolParameters(json: "{}"))
      ], of: .host)
    filled.close()
    #expect(try host.broken().isEmpty)
    let indexes = DatabaseName.single.flatMap { name in FullTextIndex.all(in: name).map { (name, $0) } }
    #expect(
      indexes.map(\.1.name) == ["turns_text", "memories_text", "methods_text", "tools_text"])
    for (what, sql) in Self.breakages {
      for (name, index) in indexes {
        let databases = try host.open()
        let pool = try #require(databases.open.first { $0.name == name }?.database)
        let breaking = sql(index.name)
        try await pool.write { try $0.execute(sql: breaking) }
        databases.close()
        let found = try host.storage.verify()
        #expect(found.brokenIndexes == [index.name], "\(what)")
        #expect(found.findings.filter { $0.state == .broken }.map(\.part) == [name.rawValue], "\(what)")
        #expect(throws: HostError.notBroken(database: name.rawValue)) {
          try Quarantine(host.storage).check(name)
        }
        let services = try await host.services()
        #expect(try await services.databases.rebuild(Set(found.brokenIndexes + ["nonsense"])) == [index.name])
        await services.shutdown()
        #expect(try host.broken().isEmpty, "\(what)")
      }
    }
    let again = try host.open()
    #expect(
      try await ChatStore(again.chatHistory, blobs: again.blobs).search("tulip").count == 20)
    #expect(
      try await MemoryStore(again.memory).search(MemoryQuestion(agentID: agent, text: "tulip"))
        .count == 1)
    #expect(try await MethodStore(again.methods).search("tulip", for: agent).count == 1)
    #expect(try await ToolStore(again.toolIndex).search("tulip").count == 1)
    again.close()
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
