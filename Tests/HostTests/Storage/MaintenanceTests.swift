import Foundation
import GRDB
import Keyring
import Storage
import Stores
import Synchronization
import Testing

@testable import Host

@Suite("Looking after the databases", .timeLimit(.minutes(10)))
struct MaintenanceTests {
  private static let start = Date(timeIntervalSince1970: 1_800_000_000)

  /// Runs `body` with the maintenance of a host that says that it is busy when told so.
  private func tend(
    _ body: (Maintenance, HostDatabases, ChatStore, Busy, HostFolders) async throws -> Void
  ) async throws {
    let host = try await StoredHost()
    let databases = try host.open()
    let chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
    let busy = Busy()
    let maintenance = Maintenance(
      folders: host.folders, databases: databases, chats: chats, logger: .quiet,
      isBusy: { busy.value.withLock { $0 } })
    try await body(maintenance, databases, chats, busy, host.folders)
    databases.close()
    withExtendedLifetime(host.home) {}
  }

  private final class Busy: Sendable {
    let value = Mutex(false)
  }

  private func tasks(_ entries: [Maintenance.Report.Entry]) -> Set<MaintenanceTask> {
    Set(entries.map(\.task))
  }

  @Test("statistics every 6 hours, logs every 7 days, free space every 30 days, also across restarts")
  func intervals() async throws {
    try await tend { maintenance, databases, chats, _, folders in
      func done(_ hours: Double) async -> Set<MaintenanceTask> {
        // Another one each time, as after a restart.
        let other = Maintenance(
          folders: folders, databases: databases, chats: chats, logger: .quiet, isBusy: { false })
        let report = await other.tend(now: Self.start + hours * 3600, all: false)
        #expect(report.failures.isEmpty && report.postponed.isEmpty)
        return tasks(report.done)
      }
      #expect(await done(0).isEmpty)
      #expect(await done(5.9).isEmpty)
      #expect(await done(6.1) == [.optimize])
      #expect(await done(7).isEmpty)
      #expect(await done(24 * 7.1) == [.optimize, .checkpoint])
      #expect(await done(24 * 30.1) == [.optimize, .checkpoint, .vacuum])
      #expect(await done(24 * 30.2).isEmpty)
      // A clock that was wrong for a while does not put it off for years.
      #expect(await done(-24 * 365) == [.optimize, .checkpoint, .vacuum])
    }
  }

  @Test("nothing is done while an answer is being made; it stays due")
  func busy() async throws {
    try await tend { maintenance, _, _, busy, _ in
      _ = await maintenance.tend(now: Self.start, all: false)
      busy.value.withLock { $0 = true }
      let report = await maintenance.tend(now: Self.start + 24 * 40 * 3600, all: false)
      #expect(report.done.isEmpty)
      #expect(tasks(report.postponed) == [.optimize, .checkpoint, .vacuum])
      busy.value.withLock { $0 = false }
      let later = await maintenance.tend(now: Self.start + 24 * 40 * 3600 + 60, all: false)
      #expect(tasks(later.done) == [.optimize, .checkpoint, .vacuum])
    }
  }

  @Test("free space is given back, and a search finds what it found before", arguments: [true, false])
  func vacuum(isIncremental: Bool) async throws {
    try await tend { maintenance, databases, chats, _, folders in
      let pool = try databases.chatHistory.pool
      if !isIncremental {
        // As an earlier version made it.
        try await pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA auto_vacuum = NONE; VACUUM") }
      }
      let gone = try await chats.sessions()
      let kept = UUID()
      let lines = (0..<50).map { NewTurn(role: "user", content: "a dahlia, number \($0)") }
      _ = try await chats.openSession(
        kept, agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat, saying: { _ in lines })
      let long = (0..<300).map { _ in NewTurn(role: "user", content: String(repeating: "filler ", count: 600))
      }
      let filler = UUID()
      _ = try await chats.openSession(
        filler, agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat, saying: { _ in long })
      for id in gone.map(\.id) + [filler] { try await chats.delete(id) }
      let found = try await chats.search("dahlia")
      #expect(found.count == 50)
      _ = try await pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      let file = DatabaseName.chatHistory.file(in: folders)
      let before = try Data(contentsOf: file).count
      let report = await maintenance.tend(now: Self.start, all: true)
      #expect(report.failures.isEmpty)
      _ = try await pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      #expect(try Data(contentsOf: file).count < before / 2)
      #expect(try await chats.search("dahlia").map(\.id) == found.map(\.id))
      #expect(try await chats.search("number 7").map(\.content) == ["a dahlia, number 7"])
      let mode = try await pool.read { try Int.fetchOne($0, sql: "PRAGMA auto_vacuum") }
      #expect(mode == 2)
      let fits = try await pool.read { try DatabaseIntegrity.problems($0) }
      #expect(fits.isEmpty)
    }
  }

  @Test("databases of agents and plugins are looked after, too, whatever is in them, and are closed again")
  func cabinet() async throws {
    try await tend { maintenance, databases, _, busy, folders in
      func size(_ name: DatabaseName) -> Int { (try? Data(contentsOf: name.file(in: folders)).count) ?? 0 }
      let names = [
        DatabaseName.agent(UUID()), .plugin(try #require(PluginID(rawValue: "weather"))),
      ]
      var migrator = DatabaseMigrator()
      migrator.registerMigration("1 of its own") {
        try $0.execute(sql: "CREATE TABLE own (id INTEGER PRIMARY KEY, what TEXT)")
      }
      for name in names {
        try await databases.cabinet.withDatabase(name, migrator: migrator) { pool in
          try await pool.write {
            try $0.execute(
              sql: """
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                INSERT INTO own (what) SELECT hex(randomblob(200)) FROM n;
                DELETE FROM own WHERE id > 10;
                """)
          }
        }
      }
      await databases.cabinet.closeAll()
      let before = names.map { size($0) }
      #expect(before.allSatisfy { $0 > 500_000 })
      busy.value.withLock { $0 = true }
      let later = await maintenance.tend(now: Self.start, all: true)
      #expect(Set(later.postponed.map(\.database)).isSuperset(of: names.map(\.rawValue)))
      busy.value.withLock { $0 = false }
      let report = await maintenance.tend(now: Self.start, all: true)
      #expect(report.failures.isEmpty)
      for name in names {
        #expect(report.done.filter { $0.database == name.rawValue }.map(\.task) == MaintenanceTask.allCases)
        #expect(size(name) < 100_000)
        #expect(try MaintenanceStamps.read(folders).databases[name.rawValue]?.count == 3)
      }
      #expect(await databases.cabinet.open.isEmpty)
      // One that is in use is looked after through the connections that it has.
      try await databases.cabinet.withDatabase(names[0], migrator: migrator) { pool in
        let report = await maintenance.tend(now: Self.start, all: true)
        #expect(report.failures.isEmpty)
        await #expect(throws: StorageError.busy(database: names[0].rawValue)) {
          try await databases.cabinet.delete(names[0])
        }
        let left = try await pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM own") }
        #expect(left == 10)
      }
      let wasThere = try await databases.cabinet.delete(names[0])
      let isThere = try await databases.cabinet.delete(names[0])
      #expect(wasThere && !isThere)
      _ = await maintenance.tend(now: Self.start, all: false)
      #expect(try MaintenanceStamps.read(folders).databases[names[0].rawValue] == nil)
      #expect(try DatabaseName.existing(in: folders).contains(names[1]))
      #expect(try !DatabaseName.existing(in: folders).contains(names[0]))
    }
  }

  @Test("a database of an agent that does not open is told, and the others are looked after")
  func brokenCabinet() async throws {
    try await tend { maintenance, _, _, _, folders in
      let name = DatabaseName.agent(UUID())
      try PrivateFile.makeFolder(name.file(in: folders).deletingLastPathComponent())
      try PrivateFile.replace(name.file(in: folders), with: [UInt8](repeating: 1, count: 8192))
      let report = await maintenance.tend(now: Self.start, all: true)
      #expect(report.failures.count == 1 && report.failures[0].hasPrefix(name.rawValue))
      #expect(Set(report.done.map(\.database)).count == DatabaseName.single.count)
    }
  }

  @Test("attachments that nobody refers to go")
  func blobs() async throws {
    try await tend { maintenance, databases, _, _, folders in
      let orphan = try databases.blobs.stage(Data([1]))
      try databases.blobs.place(orphan)
      let report = await maintenance.tend(now: Self.start, all: true)
      #expect(report.removedBlobs == 1)
      #expect(try databases.blobs.names().count == 1)
    }
  }

  @Test("what was written down of it and makes no sense is begun anew")
  func malformedStamps() async throws {
    try await tend { maintenance, _, _, _, folders in
      try PrivateFile.replace(folders.state.appending(path: "maintenance.json"), with: Array("nonsense".utf8))
      #expect(await maintenance.tend(now: Self.start, all: false).failures.isEmpty)
      #expect(try MaintenanceStamps.read(folders).databases["host/host.sqlite"]?.count == 3)
    }
  }
}
