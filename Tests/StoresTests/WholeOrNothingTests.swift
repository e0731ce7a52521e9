import Foundation
import GRDB
import Testing

@testable import Identity
@testable import Stores

/// Every change of agents, keys and trust is made whole or not at all: whichever of its writes fails, what is found
/// afterwards, also at the next start, is what was there before.
@Suite("Changes that fail half-way")
struct WholeOrNothingTests {
  enum Change: String, CaseIterable, Sendable {
    case create, update, rotate, revokeAddress, delete, forget
    case mint, revoke, revokeAll, revokeEverything, begin, use
    case trust, distrust
  }

  private static let tables = [
    "agents", "access_keys", "revoked_keys", "counter_thresholds", "whitelist", "counters", "invites",
    "forgetting",
  ]

  private let stores: TemporaryStores
  private let agent: AgentRecord
  private let key: AccessKeyRecord
  private let friend: Address

  init() async throws {
    stores = try TemporaryStores()
    agent = try await stores.makeAgent("Ada")
    key = try await stores.keys.mint(by: try stores.signer(of: agent), label: "phone", expiry: .never).0
    friend = try MasterKey.generate().address
    let address = try #require(agent.address)
    try await stores.trusted.trust(friend, for: .agent(address), master: stores.master.address)
    try await stores.host.write { database in
      try database.execute(
        sql: """
          INSERT INTO invites (id, nonce, agent, name, url, created_at, expires_at) VALUES ('i', 'n', ?, 'Ada', 'u', 1, 2)
          """,
        arguments: [address])
    }
  }

  private func make(_ change: Change) async throws {
    let master = stores.master.address
    switch change {
    case .create: _ = try await stores.makeAgent("Bob")
    case .update: _ = try await stores.agents.update(agent.id) { $0.isExposed.toggle() }
    case .rotate: _ = try await stores.agents.rotate(agent.id, derive: stores.derive)
    case .revokeAddress: _ = try await stores.agents.revokeAddress(agent.id)
    case .delete: try await stores.agents.delete(agent.id)
    case .forget: try await stores.agents.delete(agent.id, forgetting: true)
    case .mint: _ = try await stores.keys.mint(by: stores.master.signingKey, label: "x", expiry: .never)
    case .revoke: _ = try await stores.keys.revoke(key.id)
    case .revokeAll: _ = try await stores.keys.revokeAll(issuer: key.issuer)
    case .revokeEverything: _ = try await stores.keys.revokeEverything(master: master)
    case .begin: try await IdentityStore(StoreDatabase(stores.host)).begin(for: master, past: .unknown(.shut))
    case .use:
      try await stores.keys.record([AccessKeyUse(issuer: key.issuer, nonce: key.nonce, time: Date())])
    case .trust: try await stores.trusted.trust(friend, for: .wholeHost, master: master)
    case .distrust: try await stores.trusted.distrust(friend)
    }
  }

  /// Everything that the database holds, read through a connection of its own.
  private func contents() async throws -> [String] {
    try await stores.reopened().read { database in
      try Self.tables.flatMap { table in
        try Row.fetchAll(database, sql: "SELECT * FROM \(table)").map { "\(table) \($0)" }.sorted()
      }
    }
  }

  /// Has the write with this number fail, counted from 1 and over all tables.
  private func fail(write number: Int) async throws {
    try await stores.host.write { database in
      try database.execute(sql: "DROP TABLE IF EXISTS faults; CREATE TABLE faults (remaining INTEGER)")
      try database.execute(sql: "INSERT INTO faults (remaining) VALUES (?)", arguments: [number])
      for table in Self.tables {
        for event in ["INSERT", "UPDATE", "DELETE"] {
          try database.execute(
            sql: """
              DROP TRIGGER IF EXISTS fault_\(table)_\(event);
              CREATE TRIGGER fault_\(table)_\(event) AFTER \(event) ON \(table) BEGIN
                UPDATE faults SET remaining = remaining - 1;
                SELECT RAISE(ABORT, 'fault') WHERE (SELECT remaining FROM faults) = 0;
              END
              """)
        }
      }
    }
  }

  @Test("whichever write of a change fails, nothing of it stays", arguments: Change.allCases)
  func faults(change: Change) async throws {
    let before = try await contents()
    for number in 1..<100 {
      try await fail(write: number)
      do {
        try await make(change)
        // It has fewer writes.
        #expect(number > (change == .use ? 1 : 2))
        #expect(try await contents() != before)
        return
      } catch let error as DatabaseError where error.message == "fault" {
        #expect(try await contents() == before, "write \(number)")
      }
    }
    Issue.record("it never came to its end")
  }
}
