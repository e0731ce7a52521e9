import Foundation
import GRDB
import Keyring
import Testing

@testable import Storage

@Suite("Sudden ends")
struct CrashTests {
  @Test("a process that is killed while it writes loses nothing that was committed", arguments: [1, 2, 3])
  func killed(round: Int) async throws {
    let host = try TemporaryHost()
    let home = host.folders.data.deletingLastPathComponent().path
    await #expect(processExitsWith: .signal(SIGKILL)) { [home = home as String] in
      let pool = try TemporaryHost.open(TemporaryHost.key(1), in: HostFolders(home: URL(filePath: home)))
      let committed = open("\(home)/committed", O_CREAT | O_WRONLY | O_APPEND, 0o600)
      let victim = getpid()
      for number in 1... {
        try pool.write { database in
          for _ in 0..<10 {
            try database.execute(
              sql: "INSERT INTO said (what) VALUES (?)",
              arguments: ["\(number) " + String(repeating: "x", count: 500)])
          }
        }
        write(committed, "x", 1)
        if number == 30 { Thread.detachNewThread { kill(victim, SIGKILL) } }
      }
    }
    let committed = try Data(contentsOf: URL(filePath: "\(home)/committed")).count
    try host.withDatabase(TemporaryHost.key(1)) { pool in
      let numbers = try pool.read { try String.fetchAll($0, sql: "SELECT what FROM said ORDER BY id") }
        .compactMap { Int($0.prefix { $0 != " " }) }
      // Every transaction is there whole or not at all; one may have been committed and not yet noted.
      let expected = { (count: Int) in
        (0..<count).flatMap { number in Array(repeating: number + 1, count: 10) }
      }
      #expect(committed >= 30)
      #expect(numbers == expected(committed) || numbers == expected(committed + 1))
      let damage = try pool.read { database in
        try String.fetchAll(database, sql: "PRAGMA integrity_check")
          + String.fetchAll(database, sql: "PRAGMA cipher_integrity_check")
      }
      #expect(damage == ["ok"])
    }
  }
}
