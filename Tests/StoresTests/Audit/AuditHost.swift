import Foundation
import GRDB

@testable import Identity
@testable import Stores

/// A host's audit in a folder that goes with the test, and ways to tamper with it that the host itself does not have.
struct AuditHost {
  let stores: TemporaryStores
  let host = UUID()

  init() throws { stores = try TemporaryStores() }

  var audit: AuditStore { audit() }

  /// - Parameter isLocked: whether nothing can be signed.
  func audit(isLocked: Bool = false, mostRecords: Int64 = AuditStore.mostRecords) -> AuditStore {
    AuditStore(
      StoreDatabase(stores.host), host: host, identity: stores.master.address,
      key: isLocked ? nil : stores.master.signingKey, mostRecords: mostRecords)
  }

  static let start = Date(timeIntervalSince1970: 1_800_000_000)

  /// Fills the audit with `count` records, one a second, in calls of ten.
  func fill(_ count: Int, _ audit: AuditStore? = nil, agent: UUID? = nil) async throws {
    let audit = audit ?? self.audit
    for first in stride(from: 0, to: count, by: 10) {
      try await audit.append(
        (first..<min(first + 10, count)).map { number in
          .refused(
            .agent, agent: agent, code: CodeDigest(command: "echo \(number)"), reason: "test \(number)",
            now: Self.start + Double(number))
        })
    }
  }

  /// Runs SQL without the triggers that keep the audit as it is.
  func tamper(_ body: @escaping @Sendable (Database) throws -> Void) async throws {
    try await stores.host.write { database in
      let triggers = try Row.fetchAll(
        database, sql: "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'audit%'"
      ).map { ($0["name"] as String, $0["sql"] as String) }
      for (name, _) in triggers { try database.execute(sql: "DROP TRIGGER \(name)") }
      try body(database)
      for (_, sql) in triggers { try database.execute(sql: sql) }
    }
  }

  func tamper(_ sql: String, _ arguments: StatementArguments = []) async throws {
    try await tamper { try $0.execute(sql: sql, arguments: arguments) }
  }

  /// Writes all records from `first` on anew, as they are then, so that they fit each other.
  func rehash(from first: Int64) async throws {
    try await tamper { database in
      var hash =
        try Data.fetchOne(database, sql: "SELECT hash FROM audit WHERE sequence = ?", arguments: [first - 1])
        .map { [UInt8]($0) } ?? AuditChain.beginning
      let rows = try Row.fetchAll(
        database, sql: "SELECT sequence, record FROM audit WHERE sequence >= ? ORDER BY sequence",
        arguments: [first])
      for row in rows {
        hash = AuditChain.hash(of: [UInt8](row["record"] as Data), after: hash)
        try database.execute(
          sql: "UPDATE audit SET hash = ? WHERE sequence = ?",
          arguments: [Data(hash), row["sequence"] as Int64])
      }
    }
  }
}
