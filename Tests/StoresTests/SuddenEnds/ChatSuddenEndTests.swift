import Foundation
import GRDB
import Storage
import TestSupport
import Testing

@testable import Stores

/// Conversations with attachments, written by a process that is killed.
@Suite("Conversations and sudden ends", .timeLimit(.minutes(30)))
struct ChatSuddenEndTests {
  /// One of few pictures, so that several turns share them; every other one is a file of its own.
  private static func picture(_ number: Int) -> NewAttachment {
    let count = number % 2 == 0 ? 100 : 70_000
    return NewAttachment(
      position: 1, kind: "image_url", mediaType: "image/png", part: "{}", encoding: .base64,
      content: Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number % 6) }))
  }

  private static func turn(_ number: Int) -> NewTurn {
    NewTurn(role: "user", content: "\(number)", attachments: [picture(number)])
  }

  /// What the process says that it did, a line each: a turn of a conversation, or that one is forgotten.
  private enum Deed: Equatable {
    case said(session: UUID, number: Int)
    case forgot(session: UUID)

    init?(_ line: String) {
      let words = line.split(separator: " ")
      guard words.count > 1, let session = UUID(uuidString: String(words[1])) else { return nil }
      if words[0] == "forgot" {
        self = .forgot(session: session)
      } else {
        guard words.count == 3, let number = Int(words[2]) else { return nil }
        self = .said(session: session, number: number)
      }
    }
  }

  @Test(
    "a process that is killed while it writes, forgets and collects loses no turn and no attachment that it had",
    arguments: Rounds.seeds())
  func load(seed: UInt64) async throws {
    let home = TemporaryStores.home()
    do { _ = try TemporaryStores(home: home, keyByte: 1, isKept: true) }
    let end = SuddenEnd(
      seed: seed, journal: home.appending(path: "journal"), acknowledgements: 0...40,
      time: .zero ... .milliseconds(30))
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [home = home.path as String, end = end as SuddenEnd] in
      let stores = try TemporaryStores(home: URL(filePath: home), keyByte: 1)
      let chats = stores.chats
      let victim = Victim(end)
      var sessions = [UUID(), UUID(), UUID()]
      for number in 1... {
        let place = number % 3
        _ = try await chats.openSession(
          sessions[place], agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat,
          saying: { _ in [Self.turn(number)] })
        victim.acknowledge("said \(sessions[place]) \(number)")
        if number % 7 == 0 {
          try await chats.delete(sessions[place])
          victim.acknowledge("forgot \(sessions[place])")
          sessions[place] = UUID()
        }
        if number % 5 == 0 { try await chats.collectBlobs() }
        if number % 9 == 0 {
          try await stores.chat.writeWithoutTransaction {
            try $0.execute(sql: "PRAGMA incremental_vacuum(10)")
            _ = try $0.checkpoint(.truncate)
          }
        }
      }
    }
    let deeds = try end.acknowledged().map { try #require(Deed($0)) }
    let stores = try TemporaryStores(home: home, keyByte: 1)
    try await check(deeds, in: stores)
    // A collection after it takes what the process left behind, and nothing else.
    try await stores.chats.collectBlobs()
    try await check(deeds, in: stores)
    let referred = try await stores.chat.read { try ChatIntegrity.referredBlobs($0) }
    #expect(Set(try stores.blobs.names()) == referred)
  }

  private func check(_ deeds: [Deed], in stores: TemporaryStores) async throws {
    var kept: [UUID: [Int]] = [:]
    for session in try await stores.chats.sessions() {
      kept[session.id] = try await stores.chats.turns(of: session.id).compactMap { Int($0.content) }
      for attachment in try await stores.chats.attachments(of: session.id) {
        _ = try await stores.chats.content(of: attachment)
      }
    }
    let numbers = deeds.reduce(into: [UUID: [Int]]()) { said, deed in
      switch deed {
      case .said(let session, let number): said[session, default: []].append(number)
      case .forgot(let session): said[session] = nil
      }
    }
    // One step may have been done and not yet said.
    var unsaid = 0
    for session in Set(kept.keys).union(numbers.keys) {
      let (here, expected) = (kept[session] ?? [], numbers[session] ?? [])
      if here == expected { continue }
      unsaid += 1
      let isForgotten = here.isEmpty && expected.last.map { $0 % 7 == 0 } == true
      #expect(here.dropLast() == expected[...] || isForgotten, "\(here) where \(expected) was said")
    }
    #expect(unsaid <= 1)
    let problems = try await stores.chat.read {
      try DatabaseIntegrity.problems($0) + ChatIntegrity(checking: $0).problems
        + (FullTextIndex.turns.fits($0) ? [] : ["the index"])
    }
    #expect(problems.isEmpty)
    for name in try stores.blobs.names() { try stores.blobs.verify(name) }
  }

  @Test(
    "a process that is killed while it gives free space back, bit by bit or as a whole, leaves every turn",
    arguments: Rounds.seeds())
  func vacuum(seed: UInt64) async throws {
    let home = TemporaryStores.home()
    let isIncremental = seed % 2 == 0
    do {
      let stores = try TemporaryStores(home: home, keyByte: 1, isKept: true)
      try await stores.fill(isIncremental: isIncremental)
    }
    let end = SuddenEnd(
      seed: seed, journal: home.appending(path: "journal"), acknowledgements: 0...0,
      time: .zero ... .milliseconds(60))
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [home = home.path as String, end = end as SuddenEnd] in
      let stores = try TemporaryStores(home: URL(filePath: home), keyByte: 1)
      let victim = Victim(end)
      let isIncremental = try await stores.chat.read { try Int.fetchOne($0, sql: "PRAGMA auto_vacuum") == 2 }
      try await stores.chat.writeWithoutTransaction { database in
        guard isIncremental else {
          return try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
        }
        while try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0 > 0 {
          try database.execute(sql: "PRAGMA incremental_vacuum(20)")
        }
      }
      _ = try await stores.chat.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      victim.finish()
    }
    let stores = try TemporaryStores(home: home, keyByte: 1)
    let kept = try await stores.chats.turns(of: TemporaryStores.filled)
    #expect(kept.map(\.content) == (0..<400).filter { $0 % 4 == 0 }.map { TemporaryStores.line($0) })
    let problems = try await stores.chat.read {
      try DatabaseIntegrity.problems($0) + ChatIntegrity(checking: $0).problems
        + (FullTextIndex.turns.fits($0) ? [] : ["the index"])
    }
    #expect(problems.isEmpty)
  }
}

extension TemporaryStores {
  fileprivate static let filled = UUID(uuid: (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1))

  fileprivate static func line(_ number: Int) -> String {
    "line \(number) " + String(repeating: "x", count: 2000)
  }

  /// Writes 400 turns and takes three of four away again, so that there is much to give back.
  fileprivate func fill(isIncremental: Bool) async throws {
    if !isIncremental {
      // As versions made it that did not yet say so.
      try await chat.writeWithoutTransaction { try $0.execute(sql: "PRAGMA auto_vacuum = NONE; VACUUM") }
    }
    _ = try await chats.openSession(
      Self.filled, agentID: nil, openedBy: .owner, title: "", model: nil, source: .chat,
      saying: { _ in (0..<400).map { NewTurn(role: "user", content: Self.line($0)) } })
    try await chat.write { try $0.execute(sql: "DELETE FROM turns WHERE position % 4 <> 0") }
  }
}
