import Foundation
import GRDB
import Keyring
import TestSupport
import Testing

@testable import Storage

@Suite("Sudden ends")
struct CrashTests {
  @Test(
    "a process that is killed while it writes loses nothing that was committed", arguments: Rounds.seeds())
  func killed(seed: UInt64) async throws {
    let host = try TemporaryHost()
    let home = host.folders.data.deletingLastPathComponent().path
    let end = SuddenEnd(seed: seed, journal: URL(filePath: "\(home)/committed"))
    await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String, end = end as SuddenEnd] in
      let victim = Victim(end)
      let pool = try TemporaryHost.open(TemporaryHost.key(1), in: HostFolders(home: URL(filePath: home)))
      for number in 1... {
        try pool.write { database in
          for _ in 0..<10 {
            try database.execute(
              sql: "INSERT INTO said (what) VALUES (?)",
              arguments: ["\(number) " + String(repeating: "x", count: 500)])
          }
        }
        victim.acknowledge("\(number)")
      }
    }
    let committed = try end.acknowledged().count
    #expect(committed >= end.acknowledgements)
    try host.withDatabase(TemporaryHost.key(1)) { pool in
      let numbers = try pool.read { try String.fetchAll($0, sql: "SELECT what FROM said ORDER BY id") }
        .compactMap { Int($0.prefix { $0 != " " }) }
      // Every transaction is there whole or not at all; one may have been committed and not yet noted.
      let expected = { (count: Int) in
        (0..<count).flatMap { number in Array(repeating: number + 1, count: 10) }
      }
      #expect(numbers == expected(committed) || numbers == expected(committed + 1))
      #expect(try pool.read { try DatabaseIntegrity.problems($0) }.isEmpty)
    }
  }
}
