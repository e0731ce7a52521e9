import Foundation
import GRDB
import Testing

@testable import Identity
@testable import Stores

@Suite("An audit that the owner shortens", .timeLimit(.minutes(10)))
struct AuditPruningTests {
  @Test("old records go up to a signature, the chain goes on from there, and a record says so")
  func pruned() async throws {
    let host = try AuditHost()
    try await host.fill(200)
    let floor = try await host.audit.prune(through: 150, now: AuditHost.start + 1000)
    #expect((64...150).contains(floor))
    let records = try await host.audit.list(limit: 1000)
    #expect(records.first?.sequence == floor + 1)
    #expect(records.last?.event.kind == .pruned && records.last?.event.about == floor)
    let report = try await host.audit.verify()
    #expect(report.isGood && report.floor == floor && report.unsigned == 0)
    #expect(report.records == 202 - Int(floor))
    // Again, and with nothing to do.
    #expect(try await host.audit.prune(through: floor) == floor)
    try await host.fill(100)
    let further = try await host.audit.prune(through: 250)
    #expect(further > floor)
    #expect(try await host.audit.verify().isGood)
  }

  @Test("nothing goes without a signature, and nothing that was changed")
  func kept() async throws {
    let unsigned = try AuditHost()
    try await unsigned.fill(100, unsigned.audit(isLocked: true))
    #expect(try await unsigned.audit(isLocked: true).prune(through: 90) == 0)
    #expect(try await unsigned.audit.list(limit: 1000).count == 101)
    let changed = try AuditHost()
    try await changed.fill(200)
    try await changed.tamper("UPDATE audit SET record = zeroblob(117) WHERE sequence = 10")
    #expect(try await changed.audit.prune(through: 150) == 0)
    #expect(try await changed.audit.verify().faults == [.changed(10)])
  }

  @Test("an end that was cut off, and a foundation that was changed, are found after it, too")
  func afterwards() async throws {
    for (sql, isFault): (String, @Sendable (AuditFault) -> Bool) in [
      ("DELETE FROM audit", { if case .cutOff = $0 { true } else { false } }),
      ("UPDATE audit_bounds SET hash = randomblob(32)", { if case .unfounded = $0 { true } else { false } }),
      ("DELETE FROM audit_checkpoints", { if case .unfounded = $0 { true } else { false } }),
      (
        "DELETE FROM audit WHERE sequence = (SELECT min(sequence) FROM audit)",
        { if case .missing = $0 { true } else { false } }
      ),
      (
        "UPDATE audit_bounds SET signer = '0x1111111111111111111111111111111111111111'",
        { if case .wrongSigner = $0 { true } else { false } }
      ),
    ] {
      let host = try AuditHost()
      try await host.fill(200)
      let floor = try await host.audit.prune(through: 150)
      #expect(floor > 0)
      try await host.tamper { try $0.execute(sql: sql) }
      let faults = try await host.audit.verify().faults
      #expect(faults.contains(where: isFault), "\(sql): \(faults)")
    }
  }

  @Test("a full audit makes room where records are old, and takes nothing where they are not")
  func full() async throws {
    let host = try AuditHost()
    let audit = host.audit(mostRecords: 300)
    try await host.fill(299, audit)
    await #expect(throws: StoresError.auditFull) { try await host.fill(1, audit) }
    let later = AuditHost.start + AuditStore.leastAge / .seconds(1) + 400
    try await audit.append([.refused(.agent, agent: nil, code: nil, reason: "later", now: later)])
    let report = try await audit.verify()
    #expect(report.isGood && report.floor > 0 && report.records < 300)
    let pruned = try await audit.list(limit: 5).first { $0.event.kind == .pruned }
    #expect(pruned?.event.origin == .host)
  }

  @Test("an export has every line once, whatever its parts, and says from where the chain goes on")
  func exported() async throws {
    let host = try AuditHost()
    try await host.fill(200)
    let floor = try await host.audit.prune(through: 100)
    let whole = try await host.audit.export(after: nil)
    #expect(whole.next == nil)
    var parts: [String] = []
    var next: Int64?
    repeat {
      let part = try await host.audit.export(after: next, limit: 7)
      parts += part.lines
      next = part.next
    } while next != nil
    #expect(parts == whole.lines)
    #expect(whole.lines.first?.contains(#""floor":\#(floor)"#) == true)
    #expect(whole.lines.last?.contains(#""type":"end""#) == true)
    #expect(whole.lines.count { $0.contains(#""type":"record""#) } == 202 - Int(floor))
    #expect(whole.lines.count { $0.contains(#""type":"checkpoint""#) } >= 2)
  }
}
