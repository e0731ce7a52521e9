import Foundation
import GRDB
import Testing

@testable import Stores

@Suite("Memory")
struct MemoryStoreTests {
  private let stores: TemporaryStores
  private let memories: MemoryStore
  private let garden = UUID()
  private let kitchen = UUID()

  init() throws {
    stores = try TemporaryStores()
    memories = stores.memories
  }

  private func found(_ text: String, _ agent: UUID?, _ layers: Set<MemoryLayer> = Set(MemoryLayer.allCases))
    async throws -> [String]
  {
    try await memories.search(MemoryQuestion(agentID: agent, text: text, layers: layers)).map(
      \.memory.content)
  }

  @Test("what is added is found by its words, without minding accents or case")
  func words() async throws {
    let added = try await memories.add(NewMemory(agentID: garden, content: " The Café opens at eight.\n"))
    #expect(added.content == "The Café opens at eight.")
    for question in ["cafe", "CAFÉ eight", "when opens"] {
      #expect(try await found(question, garden) == [added.content])
    }
    #expect(try await memories.list(agentID: garden) == [added])
  }

  @Test("an agent finds its own memories, and what the owner told all of them, and nothing of another agent")
  func scope() async throws {
    try await memories.add(NewMemory(agentID: garden, content: "the roses are red"))
    try await memories.add(NewMemory(agentID: kitchen, content: "the red oven"))
    try await memories.add(
      NewMemory(agentID: nil, layer: .identity, content: "My favourite colour is red"))
    #expect(Set(try await found("red", garden)) == ["the roses are red", "My favourite colour is red"])
    #expect(Set(try await found("red", kitchen)) == ["the red oven", "My favourite colour is red"])
    #expect(try await found("red", nil).count == 3)
    #expect(try await found("red", UUID()) == ["My favourite colour is red"])
  }

  @Test("only the owner's own word, as identity, is for all agents")
  func everybody() async throws {
    for (layer, author) in [
      (MemoryLayer.pinned, MemoryAuthor.owner), (.identity, .model), (.identity, .conversation),
      (.transcript, .owner),
    ] {
      await #expect(throws: MemoryError.needsAgent) {
        try await memories.add(NewMemory(agentID: nil, layer: layer, author: author, content: "obey"))
      }
    }
    // Nor does the database take it.
    await #expect(throws: DatabaseError.self) {
      try await stores.memory.write {
        try $0.execute(
          sql: """
            INSERT INTO memories (id, layer, author, content, salience, happened_at, created_at)
            VALUES ('x', 'identity', 'model', 'obey', 0.5, 0, 0)
            """)
      }
    }
  }

  @Test("what cannot be a memory is refused")
  func refusals() async throws {
    for content in ["", " \n", String(repeating: "x", count: NewMemory.longestContent + 1)] {
      await #expect(throws: MemoryError.badContent) {
        try await memories.add(NewMemory(agentID: garden, content: content))
      }
    }
    for salience in [-0.1, 1.1, .nan, .infinity] {
      await #expect(throws: MemoryError.badSalience) {
        try await memories.add(NewMemory(agentID: garden, content: "x", salience: salience))
      }
    }
    for name in ["", String(repeating: "x", count: 201)] {
      await #expect(throws: MemoryError.badConversation) {
        try await memories.ingest([ConversationTurn(user: "x")], conversation: name, agentID: garden)
      }
    }
    #expect(try await memories.list().isEmpty)
  }

  @Test("a conversation that is taken in again replaces itself, and not another agent's of the same name")
  func ingest() async throws {
    let turns = [
      ConversationTurn(user: "where is the ladder", assistant: "behind the shed"),
      ConversationTurn(user: "thank you"),
    ]
    #expect(try await memories.ingest(turns, conversation: "c1", agentID: garden) == 2)
    try await memories.ingest(turns, conversation: "c1", agentID: kitchen)
    try await memories.ingest([turns[0]], conversation: "c1", agentID: garden)
    #expect(
      try await memories.list(agentID: garden).map(\.role).sorted { $0! < $1! } == ["assistant", "user"])
    #expect(try await memories.list(agentID: kitchen).count == 3)
    #expect(try await found("ladder", garden) == ["where is the ladder"])
  }

  @Test("exchanges that arrive while others are learned from are not lost with them")
  func claims() async throws {
    try await memories.ingest([ConversationTurn(user: "one")], conversation: "c", agentID: garden)
    let first = try #require(try await memories.claimSignals(agentID: garden, conversation: "c"))
    #expect(try await memories.claimSignals(agentID: garden, conversation: "c") == nil)
    try await memories.ingest([ConversationTurn(user: "two")], conversation: "c", agentID: garden)
    try await memories.ingest([ConversationTurn(user: "three")], conversation: "c", agentID: kitchen)
    try await memories.finish(first, learned: [NewMemory(agentID: kitchen, content: "learned of gardens")])
    let second = try #require(try await memories.claimSignals(agentID: garden, conversation: "c"))
    #expect(second.signals.map(\.userMessage) == ["two"])
    try await memories.release(second)
    #expect(try await memories.claimSignals(agentID: garden, conversation: "c")?.signals.count == 1)
    #expect(try await memories.claimSignals(agentID: kitchen, conversation: "c")?.signals.count == 1)
    // What was learned stays with the agent whose conversation it was, and is known to be a model's.
    let learned = try await memories.search(MemoryQuestion(agentID: garden, text: "gardens"))
    #expect(learned.map(\.memory.agentID) == [garden])
    #expect(learned.map(\.memory.author) == [.model])
  }

  @Test("forgetting takes the row, the index entry and the vector")
  func forgetting() async throws {
    let memory = try await memories.add(NewMemory(agentID: garden, content: "the gate code is zebra42"))
    let embedding = try #require(Embedding(model: "m", [1, 2, 3]))
    let waiting = try await memories.unembedded(model: "m", limit: 10)
    try await memories.keep(waiting.map { ($0, embedding) })
    let question = MemoryQuestion(agentID: garden, text: "zebra42", embedding: embedding)
    #expect(try await memories.search(question).count == 1)
    #expect(await memories.vectors.holding.vectors == 1)
    try await memories.forget(memory.id)
    #expect(try await memories.search(question).isEmpty)
    #expect(await memories.vectors.holding.vectors == 0)
    let left = try await stores.memory.read { database in
      try [
        "SELECT count(*) FROM memories", "SELECT count(*) FROM vectors",
        "SELECT count(*) FROM memories_text WHERE memories_text MATCH 'zebra42'",
      ].map { try Int.fetchOne(database, sql: $0) }
    }
    #expect(left == [0, 0, 0])
    try await stores.memory.write {
      try $0.execute(sql: "INSERT INTO memories_text (memories_text, rank) VALUES ('integrity-check', 1)")
    }
    await #expect(throws: MemoryError.noSuchMemory(memory.id.uuidString)) {
      try await memories.forget(memory.id)
    }
  }

  @Test("an agent's memory is forgotten whole, by layer or by conversation, and no other agent's")
  func forgettingMuch() async throws {
    for agent in [garden, kitchen] {
      for conversation in ["c1", "c2"] {
        try await memories.ingest(
          [ConversationTurn(user: "hello")], conversation: conversation, agentID: agent)
      }
      try await memories.add(NewMemory(agentID: agent, content: "a fact"))
    }
    #expect(try await memories.forgetAll(agentID: garden, conversation: "c1") == 1)
    #expect(try await memories.claimSignals(agentID: garden, conversation: "c1") == nil)
    #expect(try await memories.forgetAll(agentID: garden, layers: [.pinned]) == 1)
    #expect(try await memories.claimSignals(agentID: garden, conversation: "c2") != nil)
    #expect(try await memories.forgetAll(agentID: garden) == 1)
    #expect(try await memories.list(agentID: garden).isEmpty)
    #expect(try await memories.list(agentID: kitchen).count == 3)
    #expect(try await memories.counts() == [.transcript: 2, .pinned: 1])
  }

  @Test("rows keep their numbers through a VACUUM, and the index with them")
  func vacuum() async throws {
    var kept: [MemoryEntry] = []
    for number in 0..<50 {
      let memory = try await memories.add(NewMemory(agentID: garden, content: "fact number\(number)"))
      if number.isMultiple(of: 3) { kept.append(memory) } else { try await memories.forget(memory.id) }
    }
    try await stores.memory.vacuum()
    for memory in kept {
      let word = try #require(memory.content.split(separator: " ").last)
      #expect(
        try await memories.search(MemoryQuestion(agentID: garden, text: String(word))).map(\.memory) == [
          memory
        ])
    }
  }
}
