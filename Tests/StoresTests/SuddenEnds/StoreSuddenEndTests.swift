import Foundation
import GRDB
import Storage
import TestSupport
import Testing

@testable import Identity
@testable import Stores

/// What a host remembers and whom it lets in, written by a process that is killed.
@Suite("Memory, keys, invites and sudden ends", .timeLimit(.minutes(30)))
struct StoreSuddenEndTests {
  private static let agent = UUID(uuid: (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2))

  @Test(
    "a process that is killed while it makes its databases leaves what opens, or what can be made",
    arguments: Rounds.seeds()
  )
  func making(seed: UInt64) async throws {
    let home = TemporaryStores.home()
    let end = SuddenEnd(
      seed: seed, journal: home.appendingPathExtension("journal"), acknowledgements: 0...0,
      time: .zero ... .milliseconds(80))
    defer { try? FileManager.default.removeItem(at: home.appendingPathExtension("journal")) }
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [home = home.path as String, end = end as SuddenEnd] in
      let victim = Victim(end)
      let stores = try TemporaryStores(home: URL(filePath: home), keyByte: 1)
      withExtendedLifetime(stores) { victim.finish() }
    }
    let stores = try TemporaryStores(home: home, keyByte: 1)
    for pool in [stores.host, stores.chat, stores.memory] {
      #expect(try await pool.read { try DatabaseIntegrity.problems($0) }.isEmpty)
    }
    try await stores.memories.add(NewMemory(agentID: Self.agent, content: "it works"))
  }

  @Test(
    "a process that is killed while it takes conversations in remembers those that it acknowledged",
    arguments: Rounds.seeds()
  )
  func memory(seed: UInt64) async throws {
    let home = TemporaryStores.home()
    do { _ = try TemporaryStores(home: home, keyByte: 1, isKept: true) }
    let end = SuddenEnd(seed: seed, journal: home.appending(path: "journal"))
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [home = home.path as String, end = end as SuddenEnd] in
      let stores = try TemporaryStores(home: URL(filePath: home), keyByte: 1)
      let victim = Victim(end)
      for number in 1... {
        // Every conversation is taken in again and again, each time in place of what there was.
        let turns = (0..<5).map {
          ConversationTurn(user: "u \(number) \($0)", assistant: "a \(number) \($0)")
        }
        try await stores.memories.ingest(turns, conversation: "c\(number % 3)", agentID: Self.agent)
        victim.acknowledge("\(number)")
      }
    }
    let last = try end.acknowledged().count
    let stores = try TemporaryStores(home: home, keyByte: 1)
    let kept = try await stores.memories.list(agentID: Self.agent)
    let byConversation = Dictionary(grouping: kept) { $0.conversationID ?? "" }
    var unsaid = 0
    for place in 0..<3 {
      let texts = Set(byConversation["c\(place)"]?.map(\.content) ?? [])
      func taken(_ number: Int) -> Set<String> {
        number < 1 ? [] : Set((0..<5).flatMap { ["u \(number) \($0)", "a \(number) \($0)"] })
      }
      let newest = (0..<3).map { last - $0 }.first { $0 > 0 && $0 % 3 == place } ?? 0
      if texts == taken(newest) { continue }
      unsaid += 1
      #expect((last + 1) % 3 == place && texts == taken(last + 1))
    }
    #expect(unsaid <= 1)
    let problems = try await stores.memory.read {
      try DatabaseIntegrity.problems($0) + (FullTextIndex.memories.fits($0) ? [] : ["the index"])
    }
    #expect(problems.isEmpty)
    let signals = try await stores.memory.read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM pending_signals")
    }
    #expect(signals == kept.count / 2)
  }

  @Test(
    "a process that is killed while it makes and revokes keys revives none and counts on",
    arguments: Rounds.seeds())
  func keys(seed: UInt64) async throws {
    let home = TemporaryStores.home()
    do { _ = try TemporaryStores(home: home, keyByte: 1, isKept: true) }
    let end = SuddenEnd(seed: seed, journal: home.appending(path: "journal"))
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [home = home.path as String, end = end as SuddenEnd] in
      let stores = try TemporaryStores(home: URL(filePath: home), keyByte: 1)
      let victim = Victim(end)
      while true {
        let (record, key) = try await stores.keys.mint(
          by: stores.master.signingKey, label: "x", expiry: .never)
        victim.acknowledge("made \(record.id) \(key.withText { $0 })")
        if record.counter % 3 != 0 {
          _ = try await stores.keys.revoke(record.id)
          victim.acknowledge("revoked \(record.id) \(key.withText { $0 })")
        }
      }
    }
    let lines = try end.acknowledged().map { $0.split(separator: " ").map(String.init) }
    let revoked = Set(lines.filter { $0[0] == "revoked" }.map { $0[1] })
    let stores = try TemporaryStores(home: home, keyByte: 1)
    let records = try await stores.keys.list()
    let validator = AccessKeyValidator(
      rules: try await stores.keys.validatorRules(master: stores.master.address))
    var unsaid = 0
    for line in lines where line[0] == "made" {
      #expect(records.contains { $0.id.uuidString == line[1] })
      let verdict = validator.validate(line[2], now: Int64(Date().timeIntervalSince1970))
      let isValid = if case .valid = verdict { true } else { false }
      if isValid == revoked.contains(line[1]) {
        #expect(!isValid, "a revoked key is good again")
        unsaid += 1
      }
    }
    #expect(unsaid <= 1)
    #expect(records.count - lines.count { $0[0] == "made" } <= 1)
    let next = try await stores.keys.mint(by: stores.master.signingKey, label: "x", expiry: .never).0
    #expect(records.allSatisfy { $0.counter < next.counter })
    #expect(try await stores.host.read { try DatabaseIntegrity.problems($0) }.isEmpty)
  }
}
