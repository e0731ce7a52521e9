import Foundation
import Testing

@testable import Stores

@Suite("Memory search")
struct MemorySearchTests {
  private let stores: TemporaryStores
  private let memories: MemoryStore
  private let agent = UUID()

  init() throws {
    stores = try TemporaryStores()
    memories = stores.memories
  }

  private func add(
    _ content: String, _ vector: [Double]? = nil, layer: MemoryLayer = .pinned, salience: Double = 0.5,
    daysAgo: Double = 0, agent: UUID? = nil
  ) async throws -> MemoryEntry {
    let memory = try await memories.add(
      NewMemory(
        agentID: agent ?? self.agent, layer: layer, content: content, salience: salience,
        happenedAt: Date(timeIntervalSinceNow: -daysAgo * 86_400)))
    if let vector {
      let waiting = try await memories.unembedded(model: "m", limit: 1)
      try await memories.keep([(waiting[0], try #require(Embedding(model: "m", vector)))])
    }
    return memory
  }

  private func search(
    _ text: String, _ vector: [Double]? = nil, layers: Set<MemoryLayer> = Set(MemoryLayer.allCases),
    limit: Int = 10
  ) async throws -> [MemoryHit] {
    try await memories.search(
      MemoryQuestion(
        agentID: agent, text: text, layers: layers, limit: limit,
        embedding: vector.flatMap { Embedding(model: "m", $0) }))
  }

  @Test("what has the words and the meaning comes before what has one of them")
  func fusion() async throws {
    _ = try await add("invoices for the boat", [0, 1, 0])
    _ = try await add("mooring fees", [1, 0.1, 0])
    _ = try await add("the boat costs much", [1, 0, 0])
    _ = try await add("nothing of this", [-1, 0, 0])
    let hits = try await search("boat", [1, 0, 0])
    #expect(hits.first?.memory.content == "the boat costs much")
    #expect(hits.first.map { $0.byWords && $0.byMeaning } == true)
    #expect(hits.map(\.memory.content).contains("mooring fees"))
    #expect(!hits.map(\.memory.content).contains("nothing of this"))
  }

  @Test("without an embedding the words alone decide")
  func wordsOnly() async throws {
    _ = try await add("the boat", [1, 0, 0])
    let hits = try await search("boat")
    #expect(hits.map(\.byMeaning) == [false])
    #expect(try await search("ship").isEmpty)
  }

  @Test("words that are not all in one memory still find what has some of them, the rare ones first")
  func partial() async throws {
    for number in 0..<30 { _ = try await add("the garden number\(number)") }
    let rare = try await add("xylophone in the attic")
    _ = try await add("the garden hose")
    #expect(try await search("garden xylophone").first?.memory == rare)
  }

  @Test("layers are asked apart, however much lies in another one")
  func layers() async throws {
    for number in 0..<300 { _ = try await add("red \(number)", [1, 0, 0], layer: .transcript) }
    let fact = try await add("crimson", [0.9, 0.2, 0])
    #expect(try await search("red", [1, 0, 0], layers: [.pinned]).map(\.memory) == [fact])
    #expect(try await search("red", [1, 0, 0], layers: []).isEmpty)
  }

  @Test("of two that answer alike, the one that matters more and the younger one come first")
  func weight() async throws {
    let minor = try await add("tea at four", salience: 0.1)
    let major = try await add("tea at five", salience: 0.9)
    #expect(try await search("tea").map(\.memory) == [major, minor])
    let old = try await add("coffee at four", daysAgo: 700)
    let new = try await add("coffee at five", daysAgo: 60)
    #expect(try await search("coffee").map(\.memory) == [new, old])
    // Being of use makes it young again.
    try await memories.markUsed([old.id])
    #expect(try await search("coffee").first?.memory.useCount == 1)
  }

  @Test("age is reckoned from what was stored once, however often it is asked for")
  func decay() async throws {
    let memory = try await add("fact", salience: 0.8, daysAgo: 180)
    let now = memory.happenedAt.addingTimeInterval(180 * 86_400)
    for _ in 0..<5 {
      let hits = try await memories.search(MemoryQuestion(agentID: agent, text: "fact"), now: now)
      #expect(hits.map(\.memory.salience) == [0.8])
      let stored = memory.happenedAt.timeIntervalSince1970
      let weight = MemoryEntry.weight(salience: memory.salience, freshAt: stored, now: now)
      #expect(abs(weight - 1.3 * 0.75) < 1e-9)
    }
  }

  @Test("vectors that are added after a search are found by the next one")
  func freshness() async throws {
    _ = try await add("one", [1, 0])
    #expect(try await search("x", [1, 0]).count == 1)
    _ = try await add("two", [1, 0.1])
    #expect(try await search("x", [1, 0]).count == 2)
  }

  @Test("a model that comes back with other dimensions has everything embedded again")
  func dimensions() async throws {
    let memory = try await add("one", [1, 0])
    _ = try await add("two", [0, 1])
    #expect(try await memories.unembedded(model: "m", limit: 10).isEmpty)
    #expect(try await memories.unembedded(model: "other", limit: 10).count == 2)
    _ = try await add("three", [1, 0, 0])
    #expect(Set(try await memories.unembedded(model: "m", limit: 10).map(\.text)) == ["one", "two"])
    #expect(try await search("x", [1, 0]).isEmpty)
    #expect(try await memories.embeddedCount() == 1)
    try await memories.forget(memory.id)
    #expect(try await memories.unembedded(model: "m", limit: 10).map(\.text) == ["two"])
  }

  @Test("a memory that was forgotten while it was embedded leaves no vector")
  func forgottenMeanwhile() async throws {
    let memory = try await add("gone")
    let waiting = try await memories.unembedded(model: "m", limit: 1)
    try await memories.forget(memory.id)
    try await memories.keep([(waiting[0], try #require(Embedding(model: "m", [1])))])
    #expect(try await memories.embeddedCount() == 0)
  }

  @Test("beyond a scan the signs choose and the vectors decide, with the same first answer")
  func sketches() async throws {
    var generator = SystemRandomNumberGenerator()
    var vectors: [[Double]] = []
    for number in 0..<300 {
      let vector = (0..<64).map { _ in Double.random(in: -1...1, using: &generator) }
      vectors.append(vector)
      _ = try await add("number \(number)", vector)
    }
    let library = VectorLibrary(StoreDatabase(stores.memory), bound: .max, mostScanned: 100)
    for number in [0, 150, 299] {
      let query = try #require(Embedding(model: "m", vectors[number]))
      let scopes = ["\(MemoryQuestion.scope(of: agent)):pinned"]
      let near = try await library.nearest(to: query, in: scopes, limit: 5)
      let exact = try await memories.vectors.nearest(to: query, in: scopes, limit: 5)
      #expect(near.first?.row == exact.first?.row)
      #expect(try #require(near.first).score > 0.99)
    }
    #expect(await library.holding.bytes < memories.vectors.holding.bytes)
  }

  @Test("memory for vectors is bounded, and whatever has to go is read again")
  func bound() async throws {
    let agents = (0..<5).map { _ in UUID() }
    for agent in agents {
      for number in 0..<20 { _ = try await add("n\(number)", [Double(number + 1), 1, 0, 0], agent: agent) }
    }
    let library = VectorLibrary(StoreDatabase(stores.memory), bound: 3000)
    let query = try #require(Embedding(model: "m", [1, 1, 0, 0]))
    for agent in agents + agents {
      let hits = try await library.nearest(
        to: query, in: ["\(MemoryQuestion.scope(of: agent)):pinned"], limit: 3)
      #expect(hits.count == 3)
      #expect(await library.holding.bytes <= 3000)
    }
  }
}
