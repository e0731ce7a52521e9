import Foundation
import GRDB
import TestSupport
import Testing

@testable import Identity
@testable import Stores

@Suite("The audit", .timeLimit(.minutes(10)))
struct AuditTests {
  @Test("the first record says whose audit it is, and what follows is read as it was written")
  func written() async throws {
    let host = try AuditHost()
    let agent = try await host.stores.makeAgent("Ada")
    let code = CodeDigest(arguments: ["sh", "-c", "true"])
    let begun = try await host.audit.append([
      .begun(.agent, agent: agent.id, code: code, allowedTools: ["sandbox_exec"], now: AuditHost.start)
    ])
    let ended = try await host.audit.append([
      .ended(
        begun[0], by: .agent, outcome: .exited, exitCode: 3, calledTools: ["sandbox_read_file"],
        duration: .milliseconds(1500), peakMemory: 4096, now: AuditHost.start + 2)
    ])
    #expect(begun == [2] && ended == [3])
    let records = try await host.audit.list()
    #expect(records.map(\.sequence) == [1, 2, 3])
    #expect(records[0].event.kind == .bound && records[0].event.subject == host.host)
    #expect(records[0].event.address == host.stores.master.address)
    let (first, last) = (records[1].event, records[2].event)
    #expect(first.kind == .begun && first.code == code && first.allowedTools == ["sandbox_exec"])
    #expect(first.time == 1_800_000_000_000)
    // The end is about the same agent and program, which only its beginning was told.
    #expect(last.subject == agent.id && last.address == agent.address && last.code == code)
    #expect(last.about == 2 && last.outcome == .exited && last.exitCode == 3)
    #expect(last.duration == 1500 && last.peakMemory == 4096 && last.calledTools == ["sandbox_read_file"])
    let report = try await host.audit.verify()
    #expect(report.isGood && report.records == 3 && report.unsigned == 3 && report.unended == 0)
    #expect(try await host.audit.sign() == 0)
    let signed = try await host.audit.verify()
    #expect(signed.isGood && signed.unsigned == 0 && signed.checkpoints == 1 && signed.signedThrough == 3)
  }

  @Test("records are found by their agent and their time, and so many of the newest")
  func found() async throws {
    let host = try AuditHost()
    let (ada, bob) = (UUID(), UUID())
    try await host.fill(20, agent: ada)
    try await host.fill(5, agent: bob)
    #expect(try await host.audit.list(agent: bob).count == 5)
    #expect(try await host.audit.list(agent: ada, limit: 3).map(\.sequence) == [19, 20, 21])
    #expect(try await host.audit.list(agent: ada, since: AuditHost.start + 15).count == 5)
    #expect(try await host.audit.list(agent: UUID()).isEmpty)
  }

  @Test("the host signs after so many records, and one that cannot goes on and says how many wait")
  func signing() async throws {
    let host = try AuditHost()
    try await host.fill(40, host.audit(isLocked: true))
    let waiting = try await host.audit(isLocked: true).verify()
    #expect(waiting.isGood && waiting.unsigned == 41 && waiting.checkpoints == 0)
    #expect(try await host.audit(isLocked: true).sign() == 41)
    try await host.fill(40)
    let later = try await host.audit.verify()
    #expect(later.isGood && later.checkpoints == 1 && later.unsigned < 64)
  }

  @Test("a record has one form, and nothing else is read as one")
  func form() throws {
    var event = AuditEvent.permission(
      .bridge, agent: UUID(), name: "network\u{7}é", outcome: .denied, code: CodeDigest(command: "x"),
      now: AuditHost.start)
    event.allowedTools = ["a", ""]
    let record = AuditRecord(sequence: 7, event: event)
    let bytes = record.bytes
    #expect(event.reason == "network\u{FFFD}é")
    #expect(AuditRecord(bytes: bytes) == record)
    for count in 0..<bytes.count { #expect(AuditRecord(bytes: Array(bytes.prefix(count))) == nil) }
    #expect(AuditRecord(bytes: bytes + [0]) == nil)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 0x80
      if let read = AuditRecord(bytes: changed) { #expect(read.bytes == changed && read != record) }
    }
  }

  @Test("the bytes of a record are those that the documentation names")
  func knownAnswer() throws {
    var event = AuditEvent(.ended, by: .agent, at: 1_800_000_000_123)
    event.subject = UUID(uuidString: "00112233-4455-6677-8899-AABBCCDDEEFF")
    event.address = Address(bytes: [UInt8](repeating: 0x11, count: 20))
    event.code = CodeDigest(command: "true")
    event.outcome = .exited
    event.exitCode = -1
    (event.about, event.duration, event.peakMemory, event.reason) = (1, 2, 3, "r")
    event.calledTools = ["ab"]
    let expected =
      "0000000000000002" + "000001a3185c507b" + "03" + "03" + "01" + "ffffffff"
      + "00112233445566778899aabbccddeeff" + String(repeating: "11", count: 20)
      + "b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b"
      + "0000000000000001" + "0000000000000002" + "0000000000000003" + "0001" + "72" + "00" + "01"
      + "0002" + "6162"
    #expect(Hex.string(AuditRecord(sequence: 2, event: event).bytes) == expected)
  }

  @Test("texts are cut, and of many tools the last name says how many more there were")
  func bounds() {
    let event = AuditEvent.begun(
      .agent, agent: nil, code: CodeDigest(command: ""),
      allowedTools: (0..<300).map { "\($0)" } + [String(repeating: "é", count: 200)])
    #expect(event.allowedTools.count == AuditEvent.mostTools)
    #expect(event.allowedTools.last == "and 238 more")
    #expect(AuditEvent.text(String(repeating: "é", count: 200)).utf8.count == 128)
    let refused = AuditEvent.refused(.owner, agent: nil, code: nil, reason: "a\nb\0c")
    #expect(refused.reason == "a\u{FFFD}b\u{FFFD}c")
  }

  @Test("the database itself refuses to change and to remove what was written")
  func triggers() async throws {
    let host = try AuditHost()
    try await host.fill(70)
    for sql in [
      "UPDATE audit SET time = 0 WHERE sequence = 3", "DELETE FROM audit WHERE sequence = 3",
      "DELETE FROM audit", "UPDATE audit_checkpoints SET time = 0", "DELETE FROM audit_checkpoints",
      "UPDATE audit_bounds SET last = 0", "DELETE FROM audit_bounds",
      "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE sequence = 3",
    ] {
      await #expect(throws: DatabaseError.self, "\(sql)") {
        try await host.stores.host.write {
          try $0.execute(sql: sql)
        }
      }
    }
    #expect(try await host.audit.verify().isGood)
  }

  @Test("of many who write at once, each gets a number of its own, and the chain holds")
  func together() async throws {
    let host = try AuditHost()
    let logs = [AuditLog(host.audit), AuditLog(host.audit)]
    let numbers = try await withThrowingTaskGroup(of: Int64.self) { group in
      for number in 0..<200 {
        group.addTask {
          try await logs[number % 2].append(
            .begun(.agent, agent: nil, code: CodeDigest(command: "\(number)")))
        }
      }
      return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
    }
    #expect(numbers.count == 200)
    for number in numbers {
      logs[0].note(.ended(number, by: .agent, outcome: .exited, duration: .zero))
    }
    await logs[0].close()
    let report = try await host.audit.verify()
    #expect(report.isGood && report.records == 401 && report.unended == 0 && report.unsigned == 0)
  }

  @Test("what cannot be written down fails for who waits, and is told of for who does not")
  func unwritten() async throws {
    let host = try AuditHost()
    try await host.tamper(
      "CREATE TRIGGER audit_none BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END")
    let (stream, told) = AsyncStream.makeStream(of: Void.self)
    let log = AuditLog(host.audit) { _ in told.yield() }
    await #expect(throws: DatabaseError.self) {
      try await log.append(.begun(.agent, agent: nil, code: CodeDigest(command: "x")))
    }
    log.note(.refused(.agent, agent: nil, code: nil, reason: "x"))
    await log.settle()
    told.finish()
    #expect(await stream.reduce(into: 0) { count, _ in count += 1 } == 1)
  }

  @Test("a new identity of the host goes on with the chain, and what the old one signed stays good")
  func newIdentity() async throws {
    let host = try AuditHost()
    try await host.fill(70)
    let next = try MasterKey.generate()
    let audit = AuditStore(
      StoreDatabase(host.stores.host), host: host.host, identity: next.address, key: next.signingKey)
    let before = try await audit.verify()
    #expect(before.faults == [.foreign(.init(host: host.host, signer: host.stores.master.address))])
    try await audit.settle()
    try await audit.settle()
    let after = try await audit.verify()
    #expect(after.isGood && after.unsigned == 0 && after.owners.count == 2)
    #expect(after.owners.last?.binding.signer == next.address)
    // The old one cannot sign for the new one.
    #expect(try await host.audit.verify().faults.count == 1)
  }
}
