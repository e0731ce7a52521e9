import Foundation
import GRDB
import TestSupport
import Testing

@testable import Identity
@testable import Stores

/// What somebody does who can write into the database, and cannot sign.
@Suite("An audit that was tampered with", .timeLimit(.minutes(10)))
struct AuditTamperingTests {
  @Test("a changed record is named", arguments: [1, 2, 30, 71] as [Int64])
  func changed(sequence: Int64) async throws {
    let host = try AuditHost()
    try await host.fill(70)
    // The last byte of the reason.
    try await host.tamper(
      """
      UPDATE audit SET record = CAST(substr(record, 1, length(record) - 3) || x'7a' || substr(record, -2) AS BLOB)
        WHERE sequence = ?
      """, [sequence])
    let report = try await host.audit.verify()
    #expect(report.faults.first == .changed(sequence), "\(report.faults)")
    #expect(report.faults.first?.description.contains("record \(sequence)") == true)
  }

  @Test("a changed hash is named, once")
  func changedHash() async throws {
    let host = try AuditHost()
    try await host.fill(70)
    try await host.tamper("UPDATE audit SET hash = randomblob(32) WHERE sequence = 20")
    #expect(try await host.audit.verify().faults == [.changed(20)])
  }

  @Test("missing records are named: one, several, the newest after a signature, and the newest without one")
  func missing() async throws {
    for (sql, fault): (String, AuditFault) in [
      ("DELETE FROM audit WHERE sequence = 30", .missing(first: 30, last: 30)),
      ("DELETE FROM audit WHERE sequence BETWEEN 30 AND 40", .missing(first: 30, last: 40)),
      ("DELETE FROM audit WHERE sequence > 50", .cutOff(after: 50, last: 71)),
      ("DELETE FROM audit WHERE sequence > 70", .cutOff(after: 70, last: 71)),
      (
        "DELETE FROM audit WHERE sequence > 50; UPDATE audit_bounds SET last = 50",
        .cutOff(after: 50, last: 71)
      ),
      ("DELETE FROM audit", .cutOff(after: 0, last: 71)),
      ("DELETE FROM audit WHERE sequence = 1", .missing(first: 1, last: 1)),
    ] {
      let host = try AuditHost()
      try await host.fill(70)
      try await host.audit.sign()
      try await host.tamper { try $0.execute(sql: sql) }
      let report = try await host.audit.verify()
      #expect(report.faults.contains(fault), "\(sql): \(report.faults)")
    }
  }

  @Test("records that were exchanged, or put in, are named")
  func order() async throws {
    let exchanged = try AuditHost()
    try await exchanged.fill(70)
    try await exchanged.tamper(
      """
      UPDATE audit SET sequence = -1 WHERE sequence = 20;
      UPDATE audit SET sequence = 20 WHERE sequence = 40;
      UPDATE audit SET sequence = 40 WHERE sequence = -1;
      """)
    let report = try await exchanged.audit.verify()
    #expect(report.faults.contains(.changed(20)) && report.faults.contains(.changed(40)))

    let grown = try AuditHost()
    try await grown.fill(70)
    try await grown.tamper(
      """
      UPDATE audit SET sequence = -sequence - 1 WHERE sequence >= 20;
      UPDATE audit SET sequence = -sequence WHERE sequence < 0;
      INSERT INTO audit SELECT 20, time, kind, subject, record, hash FROM audit WHERE sequence = 10;
      """)
    let faults = try await grown.audit.verify().faults
    #expect(faults.contains(.changed(20)) && faults.contains(.surplus(after: 71)))
  }

  @Test("records that were written anew, so that they fit each other, are not those that were signed")
  func rewritten() async throws {
    let host = try AuditHost()
    try await host.fill(150)
    try await host.tamper(
      """
      UPDATE audit SET record = CAST(substr(record, 1, length(record) - 3) || x'7a' || substr(record, -2) AS BLOB)
        WHERE sequence = 10
      """)
    try await host.rehash(from: 10)
    let report = try await host.audit.verify()
    #expect(report.faults.count == 1)
    guard case .notAsSigned(after: 0, through: let through) = report.faults.first else {
      Issue.record("\(report.faults)")
      return
    }
    #expect((10...74).contains(through))
    #expect(report.signedThrough == 0)
  }

  @Test("a signature that was changed, that is another's, or that says it is another's is named")
  func signatures() async throws {
    let thief = try MasterKey.generate()
    for attempt in 0..<3 {
      let host = try AuditHost()
      try await host.fill(70)
      let sequence = try await host.stores.host.read { try AuditStore.newestCheckpoint($0) }
      try await host.tamper { [host] database in
        let hash = try Data.fetchOne(
          database, sql: "SELECT hash FROM audit WHERE sequence = ?", arguments: [sequence])
        let forged = AuditCheckpoint(
          of: sequence, hash: [UInt8](hash ?? Data()), time: 5, host: host.host, by: thief.signingKey)
        switch attempt {
        case 0: try database.execute(sql: "UPDATE audit_checkpoints SET signature = randomblob(65)")
        case 1:
          try database.execute(sql: "DELETE FROM audit_checkpoints")
          try forged.insert(database)
        default: try database.execute(sql: "UPDATE audit_checkpoints SET time = time + 1")
        }
      }
      let fault: AuditFault =
        attempt == 1 ? .wrongSigner(sequence) : .notAsSigned(after: 0, through: sequence)
      #expect(try await host.audit.verify().faults == [fault])
    }
  }

  @Test("a record is found under what it says, or named")
  func misfiled() async throws {
    for column in ["time = time + 1", "kind = 5", "subject = 'x'"] {
      let host = try AuditHost()
      try await host.fill(20)
      try await host.tamper("UPDATE audit SET \(column) WHERE sequence = 5")
      #expect(try await host.audit.verify().faults == [.misfiled(5)])
    }
  }

  @Test("an audit that does not begin with whose it is is nobody's")
  func unbound() async throws {
    let host = try AuditHost()
    try await host.fill(20)
    try await host.tamper(
      """
      DELETE FROM audit WHERE sequence = 1;
      UPDATE audit SET sequence = sequence - 1;
      UPDATE audit_bounds SET last = 20;
      """)
    #expect(try await host.audit.verify().faults.contains(.changed(1)))
  }

  @Test("whatever is done to any record of a long audit is found", arguments: Rounds.seeds(few: 3, many: 40))
  func anything(seed: UInt64) async throws {
    let host = try AuditHost()
    try await host.fill(300)
    try await host.audit.sign()
    #expect(try await host.audit.verify().isGood)
    var chance = SeededGenerator(seed: seed)
    let good = try await host.stores.host.read {
      try Row.fetchAll($0, sql: "SELECT sequence, record, hash FROM audit").map {
        (sequence: $0["sequence"] as Int64, record: $0["record"] as Data, hash: $0["hash"] as Data)
      }
    }
    for _ in 0..<20 {
      let (one, other) = (Int.random(in: 0..<301, using: &chance), Int.random(in: 0..<301, using: &chance))
      let (a, b) = (good[one], good[other])
      let way = Int.random(in: 0..<4, using: &chance)
      var record = a.record
      let bit = Int.random(in: 0..<record.count * 8, using: &chance)
      record[bit / 8] ^= 1 << UInt8(bit % 8)
      if way == 3, one == other { continue }
      try await host.tamper { [record] database in
        switch way {
        case 0:
          try database.execute(
            sql: "UPDATE audit SET record = ? WHERE sequence = ?", arguments: [record, a.sequence])
        case 1:
          // So that it fits what was before it.
          let previous = one == 0 ? AuditChain.beginning : [UInt8](good[one - 1].hash)
          try database.execute(
            sql: "UPDATE audit SET record = ?, hash = ? WHERE sequence = ?",
            arguments: [record, Data(AuditChain.hash(of: [UInt8](record), after: previous)), a.sequence])
        case 2: try database.execute(sql: "DELETE FROM audit WHERE sequence = ?", arguments: [a.sequence])
        default:
          for (row, content) in [(a, b), (b, a)] {
            try database.execute(
              sql: "UPDATE audit SET record = ?, hash = ? WHERE sequence = ?",
              arguments: [content.record, content.hash, row.sequence])
          }
        }
      }
      let report = try await host.audit.verify()
      #expect(!report.isGood, "way \(way), records \(a.sequence) and \(b.sequence), bit \(bit)")
      let isNear = report.faults.contains { abs($0.sequence - a.sequence) <= 1 }
      #expect(isNear, "way \(way), record \(a.sequence): \(report.faults)")
      try await host.tamper { database in
        for row in [a, b] {
          try database.execute(
            sql: """
              INSERT INTO audit (sequence, time, kind, subject, record, hash)
                VALUES (?1, 0, 0, NULL, ?2, ?3) ON CONFLICT DO UPDATE SET record = ?2, hash = ?3
              """,
            arguments: [row.sequence, row.record, row.hash])
          guard let event = AuditRecord(bytes: [UInt8](row.record))?.event else { continue }
          try database.execute(
            sql: "UPDATE audit SET time = ?, kind = ?, subject = ? WHERE sequence = ?",
            arguments: [event.time, event.kind.rawValue, event.subject?.uuidString, row.sequence])
        }
      }
      #expect(try await host.audit.verify().isGood)
    }
  }
}
