import GRDB
import Testing

@testable import Stores

@Suite("Full-text questions")
struct FullTextQueryTests {
  @Test(
    "nothing that is typed is syntax",
    arguments: [
      "NEAR(a b)", "\"unbalanced", "a* OR b", "content : x", "^first", "a AND", "-minus", "{a b}:c",
      "o'clock",
      "naïve Ünïcode 北京", "a\u{0}b", "'; DROP TABLE memories; --",
    ])
  func syntax(text: String) async throws {
    let stores = try TemporaryStores()
    let query = try #require(FullTextQuery(text))
    for pattern in [query.all] + query.words.map(FullTextQuery.quoted) {
      let rows = try await stores.memory.read {
        try Int.fetchAll(
          $0, sql: "SELECT rowid FROM memories_text WHERE memories_text MATCH ?", arguments: [pattern])
      }
      #expect(rows.isEmpty)
    }
  }

  @Test("what has no word is no question", arguments: ["", "  ", "?!…", "\n\t"])
  func empty(text: String) { #expect(FullTextQuery(text) == nil) }

  @Test("a question is bounded, and each word counts once")
  func bounds() throws {
    let words = (0..<100).map { "w\($0)" }
    #expect(
      try #require(FullTextQuery((words + words).joined(separator: " "))).words == Array(words.prefix(32)))
    #expect(try #require(FullTextQuery("Tea tea TEA")).words == ["tea"])
    // A word that the bound cuts is another word.
    let long = String(repeating: "teapot ", count: FullTextQuery.longestText)
    #expect(try #require(FullTextQuery(long)).words == ["teapot"])
    #expect(FullTextQuery(String(repeating: "x", count: FullTextQuery.longestText + 1)) == nil)
  }

  @Test("the bounded ranking orders like FTS5's own where its bounds are not reached")
  func ranking() async throws {
    let stores = try TemporaryStores()
    let vocabulary = (0..<60).map { "word\($0)" }
    try await stores.memory.write { database in
      for row in 1...400 {
        let text = (0..<Int.random(in: 3...30)).map { _ in
          vocabulary[min(Int.random(in: 0..<60), Int.random(in: 0..<60))]
        }
        try database.execute(
          sql: """
            INSERT INTO memories (row_id, id, agent_id, layer, author, content, salience, happened_at, created_at)
            VALUES (?, ?, 'A', 'pinned', 'owner', ?, 0.5, 0, 0)
            """, arguments: [row, "id\(row)", text.joined(separator: " ")])
      }
    }
    for words in ["word1", "word3 AND word7", "word2 OR word40"] {
      let scores = try await stores.memory.read { database in
        try Row.fetchAll(
          database,
          sql: """
            SELECT bounded_bm25(memories_text, 0) AS ours, -bm25(memories_text) AS theirs FROM memories_text
            WHERE memories_text MATCH ?
            """, arguments: [words]
        ).map { (ours: $0["ours"] as Double, theirs: $0["theirs"] as Double) }
      }
      #expect(!scores.isEmpty)
      for score in scores { #expect(abs(score.ours - score.theirs) < 1e-9) }
    }
  }
}
