import Foundation
import GRDB
import Testing

@testable import Stores

@Suite("An audit that is held against an earlier export", .timeLimit(.minutes(10)))
struct AuditComparisonTests {
  private func witnesses(of host: AuditHost) async throws -> [AuditWitness] {
    try await host.audit.export(after: nil).lines.compactMap { try AuditWitness.read(Data($0.utf8)) }
  }

  @Test("is good while it only grows, and where its owner removed what was old")
  func grown() async throws {
    let host = try AuditHost()
    try await host.fill(100)
    let kept = try await witnesses(of: host)
    #expect(kept.count == 101)
    try await host.fill(100)
    let grown = try await host.audit.compare(with: kept)
    #expect(grown.matched == 101 && grown.removed == 0 && grown.fault == nil)
    let floor = try await host.audit.prune(through: 90)
    #expect(floor > 0)
    let pruned = try await host.audit.compare(with: kept)
    // That of the record at which the chain goes on is known still.
    #expect(pruned.matched == 102 - Int(floor) && pruned.removed == Int(floor) - 1 && pruned.fault == nil)
    let later = try await witnesses(of: host)
    #expect(later.first?.sequence == floor)
    #expect(try await host.audit.compare(with: later).fault == nil)
  }

  @Test("shows an end that was cut off back to a signature, which the audit alone does not")
  func cutBack() async throws {
    let host = try AuditHost()
    try await host.fill(200)
    let kept = try await witnesses(of: host)
    let signed = try #require(
      await host.stores.host.read {
        try Int64.fetchOne($0, sql: "SELECT min(sequence) FROM audit_checkpoints")
      })
    try await host.tamper { database in
      for sql in [
        "DELETE FROM audit WHERE sequence > ?", "DELETE FROM audit_checkpoints WHERE sequence > ?",
        "UPDATE audit_bounds SET last = ?",
      ] {
        try database.execute(sql: sql, arguments: [signed])
      }
    }
    #expect(try await host.audit.verify().isGood)
    let comparison = try await host.audit.compare(with: kept)
    #expect(comparison.matched == Int(signed))
    #expect(comparison.fault == .cutOff(after: signed, last: 201))
    // And where it has grown again since.
    try await host.fill(10)
    #expect(try await host.audit.compare(with: kept).fault == .notAsExported(signed + 1))
  }

  @Test("shows records that were written anew with their signatures")
  func writtenAnew() async throws {
    let host = try AuditHost()
    try await host.fill(60)
    let kept = try await witnesses(of: host)
    try await host.tamper("DELETE FROM audit_checkpoints")
    try await host.tamper(
      """
      UPDATE audit SET record = CAST(substr(record, 1, length(record) - 3) || x'7a' || substr(record, -2) AS BLOB)
        WHERE sequence = 20
      """)
    try await host.rehash(from: 20)
    try await host.audit.sign()
    #expect(try await host.audit.verify().isGood)
    let comparison = try await host.audit.compare(with: kept)
    #expect(comparison.matched == 19 && comparison.fault == .notAsExported(20))
  }

  @Test("names a record that is missing")
  func missing() async throws {
    let host = try AuditHost()
    try await host.fill(20)
    let kept = try await witnesses(of: host)
    try await host.tamper("DELETE FROM audit WHERE sequence = 7")
    #expect(try await host.audit.compare(with: kept).fault == .missing(first: 7, last: 7))
  }

  @Test(
    "refuses what is no line of an export",
    arguments: [
      "", "x", "[]", "{}", #"{"type":"other"}"#, #"{"type":"record"}"#, #"{"type":"record","sequence":1}"#,
      #"{"type":"record","sequence":1,"hash":"00"}"#, #"{"type":"record","sequence":"1","hash":""}"#,
      #"{"type":"record","sequence":0,"hash":"\#(String(repeating: "0", count: 64))"}"#,
      #"{"type":"audit","version":2,"floor":0}"#, #"{"type":"audit","version":1}"#,
      #"{"type":"audit","version":1,"floor":3,"floorHash":"zz"}"#,
    ])
  func refused(line: String) {
    #expect(throws: StoresError.notAnAuditExport) { try AuditWitness.read(Data(line.utf8)) }
  }

  @Test("refuses a line that is longer than any of an export")
  func tooLong() {
    let line =
      #"{"type":"end","last":1,"more":"\#(String(repeating: "a", count: AuditWitness.longestLine))"}"#
    #expect(throws: StoresError.notAnAuditExport) { try AuditWitness.read(Data(line.utf8)) }
  }
}
