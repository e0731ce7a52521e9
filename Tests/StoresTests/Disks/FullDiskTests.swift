import Foundation
import GRDB
import Identity
import Keyring
import Storage
import TestSupport
import Testing

@testable import Stores

/// Stores on a disk that takes nothing more.
@Suite("A full disk", .enabled(if: SmallDisk.isWanted, Comment(rawValue: SmallDisk.isMissing)))
struct FullDiskTests {
  private static let agent = UUID(uuid: (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2))

  enum Deed: String, CaseIterable, Sendable {
    case said, saidWithSmallAttachment, saidWithFile, remembered, tookIn, madeKey, revokedKey, madeAgent
  }

  private func perform(_ deed: Deed, in stores: TemporaryStores, key: UUID, session: UUID) async throws {
    func say(_ attachmentSize: Int?) async throws {
      let attachments = attachmentSize.map { size in
        [
          NewAttachment(
            position: 1, kind: "image_url", mediaType: nil, part: "{}", encoding: .base64,
            content: Data(repeating: 7, count: size))
        ]
      }
      try await stores.chats.append(
        [NewTurn(role: "user", content: "x", attachments: attachments ?? [])], to: session)
    }
    switch deed {
    case .said: try await say(nil)
    case .saidWithSmallAttachment: try await say(10_000)
    case .saidWithFile: try await say(200_000)
    case .remembered: try await stores.memories.add(NewMemory(agentID: Self.agent, content: "x"))
    case .tookIn:
      try await stores.memories.ingest(
        [ConversationTurn(user: "u", assistant: "a")], conversation: "c", agentID: Self.agent)
    case .madeKey: _ = try await stores.keys.mint(by: stores.master.signingKey, label: "x", expiry: .never)
    case .revokedKey: _ = try await stores.keys.revoke(key)
    case .madeAgent: _ = try await stores.makeAgent("Ada")
    }
  }

  /// Everything that the three databases hold, and the names of all attachments.
  private func contents(of stores: TemporaryStores) async throws -> [String] {
    var contents = try stores.blobs.names().map(\.rawValue)
    for pool in [stores.host, stores.chat, stores.memory] {
      contents += try await pool.read { database in
        let tables = try String.fetchAll(
          database, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'")
        return try tables.flatMap {
          try Row.fetchAll(database, sql: "SELECT * FROM \($0)").map(\.description)
        }
      }
    }
    return contents
  }

  @Test(
    "whatever is written says so, leaves nothing half-done, and works when there is room again",
    arguments: Deed.allCases)
  func full(deed: Deed) async throws {
    let disk = try SmallDisk(kibibytes: 8192)
    let stores = try TemporaryStores(home: disk.folder.appending(path: "h"), keyByte: 1, isKept: true)
    let key = try await stores.keys.mint(by: stores.master.signingKey, label: "x", expiry: .never).0
    let session = UUID()
    _ = try await stores.chats.openSession(
      session, agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat)
    // The logs are as small as they get, so that the next page has no room.
    for pool in [stores.host, stores.chat, stores.memory] {
      _ = try await pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    }
    let before = try await contents(of: stores)
    try disk.fill()
    do {
      try await perform(deed, in: stores, key: key.id, session: session)
      Issue.record("it found room")
    } catch {
      #expect(DiskRefusal(error) == .full, "\(error)")
    }
    #expect(try await contents(of: stores) == before)
    let blobs = stores.folders.data.appending(path: "chat/blobs").path
    #expect((try? FileManager.default.contentsOfDirectory(atPath: blobs))?.isEmpty != false)

    disk.empty()
    try await perform(deed, in: stores, key: key.id, session: session)
    #expect(try await contents(of: stores) != before)
    for pool in [stores.host, stores.chat, stores.memory] {
      #expect(try await pool.read { try DatabaseIntegrity.problems($0) }.isEmpty)
    }
  }

  @Test(
    "databases that are made or opened while it is nearly full open, or say so and open later",
    arguments: [true, false])
  func opening(isNew: Bool) throws {
    let disk = try SmallDisk(kibibytes: 8192)
    let home = disk.folder.appending(path: "h")
    if isNew {
      try HostFolders(home: home).create()
    } else {
      _ = try TemporaryStores(home: home, keyByte: 1, isKept: true)
    }
    var refusals = 0
    for kibibytes in stride(from: 0, through: 400, by: 16) {
      try disk.fill(leaving: kibibytes << 10)
      do {
        _ = try TemporaryStores(home: home, keyByte: 1, isKept: true)
      } catch {
        #expect(DiskRefusal(error) == .full, "with \(kibibytes) KiB: \(error)")
        refusals += 1
      }
      disk.empty()
    }
    #expect(refusals > 0)
    let stores = try TemporaryStores(home: home, keyByte: 1, isKept: true)
    for pool in [stores.host, stores.chat, stores.memory] {
      #expect(try pool.read { try DatabaseIntegrity.problems($0) }.isEmpty)
    }
  }

  @Test("a migration for which there is no room changes nothing, and is made when there is")
  func migration() throws {
    let disk = try SmallDisk(kibibytes: 8192)
    let folders = HostFolders(home: disk.folder.appending(path: "h"))
    try folders.create()
    let key = DataKey.generate()
    func open(_ migrator: DatabaseMigrator) throws -> DatabasePool {
      try EncryptedDatabase.open(.agent(Self.agent), in: folders, key: key, migrator: migrator)
    }
    var first = DatabaseMigrator()
    first.registerMigration("1") { database in
      try database.execute(sql: "CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT)")
      for _ in 0..<500 {
        try database.execute(
          sql: "INSERT INTO lines (text) VALUES (?)", arguments: [String(repeating: "x", count: 1000)])
      }
    }
    var second = first
    second.registerMigration("2") { try $0.execute(sql: "UPDATE lines SET text = text || 'y'") }
    EncryptedDatabase.close(try open(first))
    try disk.fill(leaving: 300 << 10)
    do {
      _ = try open(second)
      Issue.record("it found room")
    } catch {
      #expect(DiskRefusal(error) == .full, "\(error)")
    }
    // The earlier version still works with it.
    let pool = try open(first)
    #expect(
      try pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM lines WHERE text LIKE '%y'") } == 0)
    EncryptedDatabase.close(pool)
    disk.empty()
    let migrated = try open(second)
    #expect(
      try migrated.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM lines WHERE text LIKE '%y'") }
        == 500)
    EncryptedDatabase.close(migrated)
  }

  @Test("a private file for which there is no room stays as it was, with nothing beside it")
  func privateFile() throws {
    let disk = try SmallDisk(kibibytes: 256)
    let folder = disk.folder.appending(path: "h")
    try PrivateFile.makeFolder(folder)
    let file = folder.appending(path: "host.json")
    try PrivateFile.replace(file, with: [1, 2, 3])
    try disk.fill()
    #expect(throws: KeyringError.disk(path: file.path, .full)) {
      try PrivateFile.replace(file, with: [UInt8](repeating: 7, count: 9000))
    }
    #expect(try PrivateFile.read(file, limit: 100) == [1, 2, 3])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["host.json"])
  }

  @Test("a read-only disk is told as such")
  func readOnly() throws {
    let disk = try SmallDisk(kibibytes: 8192)
    let home = disk.folder.appending(path: "h")
    do { _ = try TemporaryStores(home: home, keyByte: 1, isKept: true) }
    try disk.setReadOnly(true)
    let folders = HostFolders(home: home)
    let key = try DataKey(TemporaryStores.bytes(1))
    do {
      _ = try EncryptedDatabase.open(.host, in: folders, key: key, migrator: HostSchema.migrator)
      Issue.record("it opened for writing")
    } catch {
      #expect(DiskRefusal(error) == .readOnly, "\(error)")
    }
    do {
      _ = try BlobStore(folders: folders, key: key).stage(Data([1]))
      Issue.record("it sealed")
    } catch {
      #expect(DiskRefusal(error) == .readOnly, "\(error)")
    }
    // Looking changes nothing, and either works or says why it cannot.
    do {
      let condition = try EncryptedDatabase.check(.host, in: folders, key: key, migrator: HostSchema.migrator)
      #expect(condition == .current)
    } catch {
      #expect(DiskRefusal(error) == .readOnly, "\(error)")
    }
    try disk.setReadOnly(false)
    _ = try TemporaryStores(home: home, keyByte: 1, isKept: true)
  }
}
