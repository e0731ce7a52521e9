import Foundation
import TestSupport
import Testing

@testable import Identity
@testable import Stores

/// The audit, written by a process that is killed.
@Suite("The audit and sudden ends", .timeLimit(.minutes(30)))
struct AuditSuddenEndTests {
  @Test(
    "a process that is killed has written down whatever had begun, and the chain goes on",
    arguments: Rounds.seeds())
  func begun(seed: UInt64) async throws {
    let home = TemporaryStores.home()
    do { _ = try TemporaryStores(home: home, keyByte: 1, isKept: true) }
    let end = SuddenEnd(seed: seed, journal: home.appending(path: "journal"))
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [home = home.path as String, end = end as SuddenEnd] in
      let stores = try TemporaryStores(home: URL(filePath: home), keyByte: 1)
      let victim = Victim(end)
      let log = AuditLog(Self.audit(stores))
      for number in 1... {
        let begun = try await log.append(
          .begun(.agent, agent: nil, code: CodeDigest(command: "\(number)")))
        victim.acknowledge("\(begun) \(number)")
        log.note(.ended(begun, by: .agent, outcome: .exited, duration: .zero))
      }
    }
    let stores = try TemporaryStores(home: home, keyByte: 1)
    let audit = Self.audit(stores)
    let kept = try await audit.list(limit: AuditStore.mostListed)
    for line in try end.acknowledged().map({ $0.split(separator: " ") }).suffix(1000) {
      let record = kept.first { "\($0.sequence)" == line[0] }
      #expect(record?.event.kind == .begun && record?.event.code == CodeDigest(command: String(line[1])))
    }
    try await audit.append([.refused(.owner, agent: nil, code: nil, reason: "afterwards")])
    #expect(try await audit.sign() == 0)
    let report = try await audit.verify()
    #expect(report.isGood && report.unsigned == 0, "\(report.faults)")
  }

  private static func audit(_ stores: TemporaryStores) -> AuditStore {
    AuditStore(
      StoreDatabase(stores.host), host: UUID(uuid: (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)),
      identity: stores.master.address, key: stores.master.signingKey)
  }
}
