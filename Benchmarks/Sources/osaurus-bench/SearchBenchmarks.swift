import Foundation
import GRDB
import Keyring
import Storage
import Stores

/// Searching in much: what was said, by words; what is remembered, by words and meaning.
enum SearchBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("search-turns") { try await searchingTurns(into: &$0) },
    Benchmark("search-memory") { try await searchingMemory(into: &$0) },
  ]

  private static let turnCount = 1_000_000
  private static let vectorCount = 100_000
  private static let dimensions = 384

  /// Full text over a million turns, against FTS5's own ranking, which looks at every match.
  private static func searchingTurns(into report: inout Report) async throws {
    let folder = try DataFolder()
    defer { folder.remove() }
    let folders = folder.folders
    let key = DataKey.generate()
    let pool = try EncryptedDatabase.open(
      .chatHistory, in: folders, key: key, migrator: ChatSchema.migrator)
    let chats = ChatStore(StoreDatabase(pool), blobs: BlobStore(folders: folders, key: key))
    try await fill(pool, chats)
    var words = Words()
    let questions = (0..<600).map { number in words.text(1 + number % 3) }
    var times: (ours: [Double], alternative: [Double]) = ([], [])
    for (number, question) in questions.enumerated() {
      times.ours.append(try await Stopwatch.milliseconds { try await chats.search(question) })
      // It takes up to seconds.
      guard number.isMultiple(of: 10) else { continue }
      times.alternative.append(
        try await Stopwatch.milliseconds {
          try await pool.read { database in
            try Row.fetchAll(
              database,
              sql: """
                SELECT turns.* FROM turns JOIN turns_text ON turns_text.rowid = turns.row_id
                WHERE turns_text MATCH ? ORDER BY turns_text.rank LIMIT 50
                """, arguments: [question]
            ).count
          }
        })
    }
    let (ours, other) = (
      SideBySide.percentile(95, of: times.ours), SideBySide.percentile(95, of: times.alternative)
    )
    let name = "1 to 3 words searched in 1,000,000 turns"
    report.measurements.append(
      Measurement(
        name: "\(name), 95 of 100", ours: ours, alternative: other,
        alternativeName: "FTS5's own ranking", unit: "ms", ratio: ours / other, direction: nil, floor: nil))
    report.readings += [
      .init(name: "\(name), 95 of 100", value: ours, unit: "ms", limit: 15),
      .init(name: "\(name), half", value: SideBySide.median(times.ours), unit: "ms"),
      .init(name: "\(name), the slowest", value: times.ours.max() ?? 0, unit: "ms"),
    ]
    EncryptedDatabase.close(pool)
  }

  private static func fill(_ pool: DatabasePool, _ chats: ChatStore) async throws {
    let session = UUID()
    _ = try await chats.openSession(
      session, agentID: nil, openedBy: .owner, title: "bench", model: nil, source: .chat)
    for start in stride(from: 0, to: turnCount, by: 10_000) {
      try await pool.write { database in
        var words = Words()
        let insert = try database.cachedStatement(
          sql: """
            INSERT INTO turns (id, session_id, position, role, content, ending, created_at)
            VALUES (?, ?, ?, 'user', ?, 'complete', 0)
            """)
        for position in start..<start + 10_000 {
          try insert.execute(
            arguments: [UUID().uuidString, session.uuidString, position, words.text(10 + position % 60)])
        }
      }
    }
  }

  /// Words and meaning together over 100,000 memories of one agent, against its words alone.
  private static func searchingMemory(into report: inout Report) async throws {
    let folder = try DataFolder()
    defer { folder.remove() }
    let folders = folder.folders
    let pool = try EncryptedDatabase.open(
      .memory, in: folders, key: DataKey.generate(), migrator: MemorySchema.migrator)
    let memories = MemoryStore(StoreDatabase(pool))
    let agent = UUID()
    var words = Words()
    for start in stride(from: 0, to: vectorCount, by: 5_000) {
      let turns = (0..<5_000).map { _ in ConversationTurn(user: words.text(30)) }
      try await memories.ingest(turns, conversation: "c\(start)", agentID: agent, isToBeLearnedFrom: false)
      let waiting = try await memories.unembedded(model: "bench", limit: 5_000)
      try await memories.keep(waiting.map { ($0, randomEmbedding()) })
    }
    let before = residentBytes()
    let first = try await Stopwatch.milliseconds {
      try await memories.search(MemoryQuestion(agentID: agent, text: "first", embedding: randomEmbedding()))
    }
    let added = residentBytes() - before
    var times: (hybrid: [Double], words: [Double]) = ([], [])
    for number in 0..<300 {
      var question = MemoryQuestion(agentID: agent, text: words.text(1 + number % 4))
      times.words.append(
        try await Stopwatch.milliseconds { [question] in try await memories.search(question) })
      question.embedding = randomEmbedding()
      times.hybrid.append(
        try await Stopwatch.milliseconds { [question] in try await memories.search(question) })
    }
    let (ours, other) = (
      SideBySide.percentile(95, of: times.hybrid), SideBySide.percentile(95, of: times.words)
    )
    let name = "words and meaning searched in 100,000 memories, 384 dimensions"
    report.measurements.append(
      Measurement(
        name: "\(name), 95 of 100", ours: ours, alternative: other, alternativeName: "words alone",
        unit: "ms",
        ratio: ours / other, direction: nil, floor: nil))
    let held = await memories.holding
    report.readings += [
      .init(name: "\(name), 95 of 100", value: ours, unit: "ms", limit: 30),
      .init(name: "\(name), half", value: SideBySide.median(times.hybrid), unit: "ms"),
      .init(name: "vectors held for that", value: Double(held.bytes) / 1_048_576, unit: "MiB"),
      .init(name: "resident memory that reading them added", value: Double(added) / 1_048_576, unit: "MiB"),
      .init(name: "the first of these searches, which reads them", value: first, unit: "ms"),
    ]
    EncryptedDatabase.close(pool)
  }

  private static func randomEmbedding() -> Embedding {
    var generator = FastRandom()
    let values = (0..<dimensions).map { _ in Double.random(in: -1...1, using: &generator) }
    guard let embedding = Embedding(model: "bench", values)
    else { preconditionFailure("random numbers have a direction") }
    return embedding
  }

  /// The resident memory of this process.
  private static func residentBytes() -> Int {
    guard let file = FileHandle(forReadingAtPath: "/proc/self/statm"), let text = try? file.readToEnd()
    else { return 0 }
    let pages = String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().first
    return (pages.flatMap { Int($0) } ?? 0) * 4096
  }
}
