import Foundation
import GRDB
import Identity
import Keyring
import Storage
import Stores
import TestSupport
import Testing

@testable import Host

/// One bit of one file is another than was written, wherever it may be.
@Suite("Flipped bits", .timeLimit(.minutes(30)))
struct BitFlipTests {
  private static let databases: [DatabaseName] = [.chatHistory, .host, .memory]

  /// What a host says when it is asked for everything that it was told; an error where it refuses.
  private func said(by host: StoredHost) async throws -> [String] {
    let databases = try host.open()
    defer { databases.close() }
    let chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
    var said = try await chats.turns(of: host.session).map(\.content)
    for attachment in try await chats.attachments(of: host.session) {
      said.append(try await chats.content(of: attachment).base64EncodedString())
    }
    // Every row of every table, through every index.
    for pool in [databases.host, databases.memory] {
      said += try await pool.read { database in
        let tables = try String.fetchAll(
          database, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'")
        return try tables.flatMap {
          try Row.fetchAll(database, sql: "SELECT * FROM \($0)").map(\.description)
        }
      }
    }
    return said
  }

  private static func flip(_ bit: Int, of file: URL) throws {
    let handle = try FileHandle(forUpdating: file)
    defer { try? handle.close() }
    try handle.seek(toOffset: UInt64(bit / 8))
    let byte = try #require(try handle.read(upToCount: 1)?.first)
    try handle.seek(toOffset: UInt64(bit / 8))
    try handle.write(contentsOf: Data([byte ^ (1 << UInt8(bit % 8))]))
  }

  /// A host that was told texts of many pages, too, in each of its databases.
  private func talkativeHost() async throws -> StoredHost {
    let host = try await StoredHost()
    let databases = try host.open()
    defer { databases.close() }
    let chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
    let inRow = NewAttachment(
      position: 1, kind: "file", mediaType: nil, part: "{}", encoding: .base64,
      content: Data(repeating: 7, count: 15_000))
    let story = String(repeating: "a long story ", count: 2000)
    try await chats.append(
      [NewTurn(role: "user", content: story, attachments: [inRow])], to: host.session)
    let memories = MemoryStore(databases.memory)
    try await memories.add(NewMemory(agentID: UUID(), content: String(story.prefix(8000))))
    let master = try HostKeyStore.keys(of: host.settings, folders: host.folders).0
    let agents = AgentStore(databases.host)
    let agent = try await agents.create(name: "Ada") { try master.agentKey($0).address }
    _ = try await agents.update(agent.id) { $0.systemPrompt = story }
    return host
  }

  @Test("a bit anywhere is noticed and told of its file alone; nothing wrong is ever given for true")
  func anywhere() async throws {
    let host = try await talkativeHost()
    let truth = try await said(by: host)
    let blob = try #require(try host.storage.blobs.names().first)
    let files =
      Self.databases.map { (part: $0.rawValue, file: host.file($0)) } + [
        (part: blob.path, file: blob.file(in: host.folders)),
        (part: "keyslots.json", file: host.folders.keySlotsFile),
      ]
    for seed in Rounds.seeds(few: 40, many: 1000) {
      var generator = SeededGenerator(seed: seed)
      let (part, file) = files[Int(seed) % files.count]
      let whole = try Data(contentsOf: file)
      let bit = Int.random(in: 0..<whole.count * 8, using: &generator)
      try Self.flip(bit, of: file)
      #expect(try Set(host.broken()) == [part], "bit \(bit) of \(part), seed \(seed)")
      do {
        let now = try await said(by: host)
        // What is in no row, such as a page of an index or a free one, changes nothing of what is said.
        #expect(now == truth, "bit \(bit) of \(part), seed \(seed)")
      } catch {}
      try PrivateFile.replace(file, with: [UInt8](whole))
    }
    #expect(try await said(by: host) == truth)
    #expect(try host.broken().isEmpty)
  }

  @Test("pages that changed their places, and databases that did, are noticed")
  func exchanged() async throws {
    let host = try await StoredHost()
    for name in Self.databases {
      let whole = [UInt8](try Data(contentsOf: host.file(name)))
      let pages = whole.count / 4096
      var bent = whole
      for index in 0..<4096 { bent.swapAt(4096 + index, (pages - 1) * 4096 + index) }
      try PrivateFile.replace(host.file(name), with: bent)
      #expect(try Set(host.broken()) == [name.rawValue])
      let other = Self.databases.first { $0 != name }!
      try PrivateFile.replace(host.file(name), with: [UInt8](Data(contentsOf: host.file(other))))
      #expect(try Set(host.broken()) == [name.rawValue])
      try PrivateFile.replace(host.file(name), with: whole)
    }
    #expect(try host.broken().isEmpty)
  }

  @Test("a bit in the log that a killed service left takes nothing but what came last, and changes nothing")
  func log() async throws {
    let host = try await StoredHost(lines: 3)
    let databases = try host.open()
    let chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
    for number in 0..<6 {
      try await chats.append([NewTurn(role: "user", content: "later \(number)")], to: host.session)
    }
    // As it lies on disk at this moment.
    let (file, log) = (host.file(.chatHistory), DatabaseName.chatHistory.files(in: host.folders)[1])
    let (main, frames) = (try Data(contentsOf: file), try Data(contentsOf: log))
    let whole = try await chats.turns(of: host.session).map(\.content)
    databases.close()
    for seed in Rounds.seeds(few: 20, many: 400) {
      var generator = SeededGenerator(seed: seed)
      try PrivateFile.replace(file, with: [UInt8](main))
      try PrivateFile.replace(log, with: [UInt8](frames))
      try? FileManager.default.removeItem(at: DatabaseName.chatHistory.files(in: host.folders)[2])
      try Self.flip(Int.random(in: 0..<frames.count * 8, using: &generator), of: log)
      do {
        let databases = try host.open()
        defer { databases.close() }
        let chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
        let kept = try await chats.turns(of: host.session).map(\.content)
        #expect(kept[...] == whole.prefix(kept.count) && kept.count >= 3, "seed \(seed)")
      } catch {}
    }
  }

  @Test("settings with a flipped bit are refused, or mean what they say; no second identity comes of it")
  func settings() async throws {
    let host = try await StoredHost(lines: 1)
    let file = host.folders.settingsFile
    let whole = [UInt8](try Data(contentsOf: file))
    for bit in 0..<whole.count * 8 {
      var bent = whole
      bent[bit / 8] ^= 1 << UInt8(bit % 8)
      try PrivateFile.replace(file, with: bent)
      guard let settings = try? HostSettings.load(folders: host.folders, environment: [:]) else { continue }
      _ = try? HostKeyStore.keys(of: settings, folders: host.folders)
      #expect([UInt8](try Data(contentsOf: file)) == bent)
    }
    try PrivateFile.replace(file, with: whole)
    #expect(try host.broken().isEmpty)
  }
}
