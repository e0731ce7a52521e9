import Foundation
import GRDB
import Testing

@testable import Storage

@Suite("Databases of agents and plugins")
struct DatabaseCabinetTests {
  private let host: TemporaryHost
  private let key = DataKey.generate()
  private let agents = (0..<4).map { _ in DatabaseName.agent(UUID()) }

  init() throws { host = try TemporaryHost() }

  private func count(_ name: DatabaseName, in cabinet: DatabaseCabinet) async throws -> Int {
    try await cabinet.withDatabase(name, migrator: TemporaryHost.migrator) { pool in
      try await pool.write { database in
        try database.execute(sql: "INSERT INTO said (what) VALUES ('x')")
        return try Int.fetchOne(database, sql: "SELECT count(*) FROM said") ?? 0
      }
    }
  }

  @Test(
    "each is opened when it is first needed, and one that is closed for another's sake comes back as it was")
  func bounded() async throws {
    let cabinet = DatabaseCabinet(folders: host.folders, key: key, limit: 2)
    #expect(await cabinet.open.isEmpty)
    #expect(try DatabaseName.existing(in: host.folders).isEmpty)
    for round in 1...3 {
      for agent in agents {
        #expect(try await count(agent, in: cabinet) == round)
        #expect(await cabinet.open.count <= 2)
      }
    }
    #expect(await cabinet.open == Set(agents.suffix(2)))
    await cabinet.closeAll()
    #expect(await cabinet.open.isEmpty)
  }

  @Test("one that is in use keeps its place; with all places in use, another one is refused")
  func inUse() async throws {
    let cabinet = DatabaseCabinet(folders: host.folders, key: key, limit: 1)
    let (first, second) = (agents[0], agents[1])
    try await cabinet.withDatabase(first, migrator: TemporaryHost.migrator) { pool in
      await cabinet.closeIdle(for: .zero)
      await #expect(throws: StorageError.tooManyOpen(limit: 1)) {
        try await cabinet.withDatabase(second, migrator: TemporaryHost.migrator) { _ in }
      }
      try await pool.write { try $0.execute(sql: "INSERT INTO said (what) VALUES ('x')") }
    }
    #expect(try await count(second, in: cabinet) == 1)
    await cabinet.closeAll()
  }

  @Test("those that nobody uses are closed after a while")
  func idle() async throws {
    let cabinet = DatabaseCabinet(folders: host.folders, key: key)
    for agent in agents { _ = try await count(agent, in: cabinet) }
    await cabinet.closeIdle(for: .seconds(60))
    #expect(await cabinet.open.count == 4)
    await cabinet.closeIdle(for: .seconds(60), now: .now + .seconds(61))
    #expect(await cabinet.open.isEmpty)
    // Nothing of a log is left behind.
    for agent in agents {
      #expect(agent.files(in: host.folders).dropFirst().allSatisfy { DatabaseName.size(of: $0) == 0 })
    }
    #expect(try await count(agents[0], in: cabinet) == 2)
    await cabinet.closeAll()
  }
}
