import Foundation
import GRDB
import Identity
import Testing

@testable import Stores

@Suite("Conversations")
struct ChatStoreTests {
  private let stores: TemporaryStores

  init() throws { stores = try TemporaryStores() }

  private var chats: ChatStore { stores.chats }

  @discardableResult
  private func converse(_ lines: String..., agentID: UUID? = nil, now: Date = Date()) async throws
    -> SessionRecord
  {
    let session = try await chats.openSession(
      UUID(), agentID: agentID, openedBy: .owner, title: "Garden", model: "smol", source: .chat, now: now)
    try await chats.append(lines.map { NewTurn(role: "user", content: $0) }, to: session.id, now: now)
    return session
  }

  @Test("what was said is kept whole and in order")
  func roundTrip() async throws {
    let session = try await converse("hello")
    let assistant = NewTurn(
      role: "assistant", content: "null \u{0} and 🪴\n", thinking: "hm", toolCalls: #"[{"id":"1"}]"#,
      toolCallID: "1",
      ending: .cut)
    let appended = try await chats.append([assistant], to: session.id)
    let turns = try await chats.turns(of: session.id)
    #expect(turns.map(\.position) == [0, 1])
    #expect(turns.last == appended.last)
    // SQLite would end a text at its first zero character.
    #expect(turns.last?.content == "null \u{FFFD} and 🪴\n")
    #expect(turns.last?.thinking == "hm")
    #expect(turns.last?.toolCalls == assistant.toolCalls)
    #expect(turns.last?.toolCallID == "1")
    #expect(turns.last?.ending == .cut)
  }

  @Test("every ending is kept", arguments: [TurnEnding.complete, .cancelled, .cut])
  func endings(ending: TurnEnding) async throws {
    let session = try await converse()
    try await chats.append([NewTurn(role: "assistant", content: "half an", ending: ending)], to: session.id)
    #expect(try await chats.turns(of: session.id).map(\.ending) == [ending])
  }

  @Test("a conversation belongs to one agent: it goes on with that one, and with nobody else")
  func ownership() async throws {
    let owner = UUID()
    let session = try await converse("hello", agentID: owner)
    let again = try await chats.openSession(
      session.id, agentID: owner, openedBy: .owner, title: "other", model: nil, source: .http)
    #expect(again.title == "Garden")
    for other in [UUID(), nil] {
      await #expect(throws: StoresError.noSuchSession) {
        _ = try await chats.openSession(
          session.id, agentID: other, openedBy: .owner, title: "", model: nil, source: .http)
      }
    }
    let plain = try await converse("hello")
    await #expect(throws: StoresError.noSuchSession) {
      _ = try await chats.openSession(
        plain.id, agentID: owner, openedBy: .owner, title: "", model: nil, source: .http)
    }
    #expect(try await chats.sessions(agentID: owner).map(\.id) == [session.id])
    #expect(try await chats.sessions(agentID: UUID()).isEmpty)
    #expect(try await chats.sessions().count == 2)
  }

  @Test("a conversation goes on with who opened it: nobody else adds to it, nor is told that it is there")
  func openers() async throws {
    let agentID = UUID()
    let (issuer, other) = (stores.master.address, try stores.master.agentKey(AgentIndex(rawValue: 0)).address)
    let openers: [SessionOpener] = [
      .owner, .accessKey(issuer: issuer, nonce: "a"), .accessKey(issuer: issuer, nonce: "b"),
      .accessKey(issuer: other, nonce: "a"),
    ]
    let chats = chats
    @Sendable func say(_ text: String, in id: UUID, as opener: SessionOpener) async throws -> SessionRecord {
      try await chats.openSession(
        id, agentID: agentID, openedBy: opener, title: "", model: nil, source: .http
      ) { isNew in [NewTurn(role: "user", content: "\(text) \(isNew)")] }
    }
    for opener in openers {
      let id = UUID()
      #expect(try await chats.mayOpen(id, agentID: agentID, openedBy: opener))
      #expect(try await say("first", in: id, as: opener).openedBy == opener)
      let again = try await say("second", in: id, as: opener)
      #expect(try await chats.session(id) == again)
      for stranger in openers where stranger != opener {
        #expect(try await !chats.mayOpen(id, agentID: agentID, openedBy: stranger))
        await #expect(throws: StoresError.noSuchSession) { _ = try await say("mine", in: id, as: stranger) }
      }
      #expect(try await !chats.mayOpen(id, agentID: UUID(), openedBy: opener))
      #expect(try await chats.turns(of: id).map(\.content) == ["first true", "second false"])
    }
  }

  @Test("of many who open the same conversation at once, one does, and the others add nothing")
  func race() async throws {
    let (id, chats, issuer) = (UUID(), chats, stores.master.address)
    let opened = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<12 {
        group.addTask {
          let session = try? await chats.openSession(
            id, agentID: nil, openedBy: .accessKey(issuer: issuer, nonce: "\(number)"), title: "", model: nil,
            source: .http
          ) { _ in [NewTurn(role: "user", content: "\(number)")] }
          return session != nil
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(opened == 1)
    #expect(try await chats.turns(of: id).count == 1)
  }

  @Test("conversations are listed by what was said last, and as many as were asked for")
  func order() async throws {
    let first = try await converse("a", now: Date(timeIntervalSince1970: 1))
    let second = try await converse("b", now: Date(timeIntervalSince1970: 2))
    #expect(try await chats.sessions().map(\.id) == [second.id, first.id])
    try await chats.append(
      [NewTurn(role: "user", content: "more")], to: first.id, now: Date(timeIntervalSince1970: 3))
    #expect(try await chats.sessions().map(\.id) == [first.id, second.id])
    #expect(try await chats.sessions(limit: 1).map(\.id) == [first.id])
  }

  @Test("nothing can be added to a conversation that is not there")
  func unknown() async throws {
    await #expect(throws: StoresError.noSuchSession) {
      try await chats.append([NewTurn(role: "user", content: "hello")], to: UUID())
    }
    #expect(try await chats.session(UUID()) == nil)
    #expect(try await chats.turns(of: UUID()).isEmpty)
    try await chats.delete(UUID())
  }

  @Test("turns that are added at once each have a place of their own")
  func concurrency() async throws {
    let session = try await converse()
    let chats = chats
    try await withThrowingTaskGroup { group in
      for number in 0..<12 {
        group.addTask {
          let turns = ["\(number) asks", "\(number) answers"].map { NewTurn(role: "user", content: $0) }
          try await chats.append(turns, to: session.id)
        }
      }
      try await group.waitForAll()
    }
    let turns = try await chats.turns(of: session.id)
    #expect(turns.map(\.position) == Array(0..<24))
    // What was added together stays together.
    for pair in stride(from: 0, to: 24, by: 2) {
      #expect(turns[pair].content.prefix { $0 != " " } == turns[pair + 1].content.prefix { $0 != " " })
    }
  }

  @Test("a conversation that is forgotten leaves nothing behind, and the others stay")
  func deletion() async throws {
    let kept = try await converse("the tulip stays")
    let gone = try await converse("the tulip goes", "really")
    try await chats.delete(gone.id)
    #expect(try await chats.session(gone.id) == nil)
    #expect(try await chats.turns(of: gone.id).isEmpty)
    #expect(try await chats.search("tulip").map(\.sessionID) == [kept.id])
    #expect(try await chats.search("goes").isEmpty)
    let counts = try await stores.chat.read { database in
      try ["sessions", "turns"].map { try Int.fetchOne(database, sql: "SELECT count(*) FROM \($0)") }
    }
    #expect(counts == [1, 1])
    try await stores.chat.write {
      try $0.execute(sql: "INSERT INTO turns_text (turns_text, rank) VALUES ('integrity-check', 1)")
    }
  }

  @Test("a search finds every word, without regard to case and accents, and the index survives a compaction")
  func search() async throws {
    let session = try await converse("Où est le café?", "In the garden, behind the CAFÉ.", "Nowhere.")
    for _ in 0..<2 {
      #expect(try await chats.search("cafe").count == 2)
      #expect(try await chats.search("garden Café").map(\.position) == [1])
      #expect(try await chats.search("garden nowhere").isEmpty)
      #expect(try await chats.search("cafe", limit: 1).count == 1)
      try await stores.chat.vacuum()
    }
    #expect(try await chats.search("nowhere").map(\.sessionID) == [session.id])
  }

  @Test(
    "a search for anything at all is a search, and no command",
    arguments: [
      "", " ", "\"", "\"\"", "'", "\"unbalanced", "(", ")", "((((", "*", "tulip*", "*tulip", "^tulip",
      "-tulip", "NOT",
      "NOT tulip", "AND", "tulip AND", "OR OR OR", "NEAR", "NEAR(", "NEAR(tulip rose, 2)", "content:tulip",
      "content : ", "{content}: tulip", "nosuchcolumn:x", "turns_text", "tulip; DROP TABLE turns", "%", "_",
      "\\", "\u{0}",
      "tulip\u{0}\"", "🪴", "\u{301}", "a\u{301}\u{200D}", "+", "tulip + rose", "1", "NULL", "-- ", "/* */",
      "?1", ":a",
    ])
  func hostileSearch(words: String) async throws {
    try await converse("the tulip and the rose", "NEAR and NOT far")
    let found = try await chats.search(words)
    #expect(found.count <= 2)
    #expect(try await chats.search("tulip").count == 1)
  }

  @Test("a very long search is answered", arguments: [300, 5000])
  func longSearch(count: Int) async throws {
    try await converse("the tulip")
    #expect(try await chats.search(Array(repeating: "tulip", count: count).joined(separator: " ")).count == 1)
    #expect(try await chats.search((0..<count).map { "word\($0)" }.joined(separator: " ")).isEmpty)
    #expect(try await chats.search(String(repeating: "x", count: 100_000)).isEmpty)
    #expect(try await chats.search(String(repeating: "\"", count: 100_000)).isEmpty)
  }

  @Test("what answers best comes first: where the words are more often, and among less else")
  func ranking() async throws {
    let session = try await converse(
      "a tulip, and much else that has nothing to do with it", "no rose", "tulip, tulip",
      "a rose without a thorn")
    #expect(try await chats.search("tulip").map(\.position) == [2, 0])
    #expect(try await chats.search("rose", limit: 1).map(\.content) == ["no rose"])
    #expect(try await chats.search("rose").allSatisfy { $0.sessionID == session.id })
  }

  @Test(
    "of words that are everywhere, the newest turns are ranked, so that the time does not grow with the history"
  )
  func boundedRanking() async throws {
    let session = try await converse("tulip tulip tulip")
    let many = (0..<FullTextRanking.mostRanked).map {
      NewTurn(role: "user", content: "the tulip number \($0)")
    }
    try await chats.append(many, to: session.id)
    let found = try await chats.search("tulip", limit: 2000)
    #expect(found.count == FullTextRanking.mostRanked)
    #expect(!found.contains { $0.position == 0 })
    // What is rare is found wherever it is.
    #expect(try await chats.search("tulip number 0").map(\.position) == [1])
  }

  @Test("words of the search language are found as words")
  func searchWords() async throws {
    try await converse("near and not far", "or else")
    #expect(try await chats.search("NOT").count == 1)
    #expect(try await chats.search("AND NEAR").count == 1)
    #expect(try await chats.search("OR").count == 1)
  }

  @Test("the rows of the index fit into a page, also the full ones")
  func indexPages() async throws {
    let session = try await converse()
    for round in 0..<20 {
      let turns = (0..<50).map { turn in
        let words = (0..<40).map { "word\(($0 * 7919 + turn * 104_729 + round * 1_299_709) % 100_000)" }
        return NewTurn(role: "user", content: words.joined(separator: " "))
      }
      try await chats.append(turns, to: session.id)
    }
    let (pages, largest) = try await stores.chat.read { database in
      (
        try Int.fetchOne(database, sql: "SELECT count(*) FROM turns_text_data") ?? 0,
        try Int.fetchOne(database, sql: "SELECT max(length(block)) FROM turns_text_data") ?? 0
      )
    }
    #expect(pages > 20)
    // A page of 4096 bytes, less SQLCipher's 80, SQLite's 35 and the row's header of 4.
    #expect(largest > 3900 && largest <= 3977)
  }
}
