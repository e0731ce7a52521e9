import Foundation
import TestSupport
import Testing

@testable import Keyring

@Suite("Private files and sudden ends", .timeLimit(.minutes(30)))
struct PrivateFileSuddenEndTests {
  private static func content(_ number: Int) -> [UInt8] {
    Array("\(number) ".utf8) + [UInt8](repeating: UInt8(number % 200), count: 50_000 + number)
  }

  @Test(
    "a process that is killed while it replaces a file leaves the content that it acknowledged, or the next one, whole",
    arguments: Rounds.seeds())
  func replaced(seed: UInt64) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "osaurus-test-\(UUID().uuidString)")
    try PrivateFile.makeFolder(home)
    defer { try? FileManager.default.removeItem(at: home) }
    let file = home.appending(path: "host.json")
    try PrivateFile.replace(file, with: Self.content(0))
    let end = SuddenEnd(
      seed: seed, journal: home.appending(path: "journal"), acknowledgements: 0...100,
      time: .zero ... .milliseconds(2))
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = file.path as String, end = end as SuddenEnd] in
      let victim = Victim(end)
      for number in 1... {
        try PrivateFile.replace(URL(filePath: path), with: Self.content(number))
        victim.acknowledge("\(number)")
      }
    }
    let acknowledged = try end.acknowledged().count
    let found = try #require(try PrivateFile.read(file, limit: 1 << 20))
    #expect([acknowledged, acknowledged + 1].map(Self.content).contains(found))
    // What it left beside the file is as private as the file.
    for name in try FileManager.default.contentsOfDirectory(atPath: home.path) where name.hasSuffix(".new") {
      let attributes = try FileManager.default.attributesOfItem(atPath: home.appending(path: name).path)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
  }
}
