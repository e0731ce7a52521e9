import Foundation
import GRDB
import Testing

@testable import Stores

@Suite("Methods")
struct MethodStoreTests {
  private let stores: TemporaryStores
  private let methods: MethodStore
  private let garden = UUID()
  private let kitchen = UUID()

  init() throws {
    stores = try TemporaryStores()
    methods = stores.methods
  }

  private func text(_ name: String, _ body: String = "first this, then that") -> MethodText {
    MethodText(name: name, description: "how to \(name)", body: body)
  }

  private func found(_ question: String, _ agent: UUID) async throws -> [String] {
    try await methods.search(question, for: agent).map(\.name)
  }

  @Test("a method is kept whole, and a change makes it the next version")
  func roundTrip() async throws {
    let tools = ["read", "write"].compactMap(ToolName.init(rawValue:))
    let made = try await methods.add(
      MethodText(
        name: " prune roses ", description: "keeps them small", occasion: "in spring", body: "cut",
        tools: tools),
      agentID: garden, writtenBy: "smol")
    #expect(try await methods.find(made.id, for: garden) == made)
    #expect(made.name == "prune roses" && made.version == 1 && made.author == .model && made.tools == tools)
    let changed = try await methods.change(made.id, by: garden, to: text("prune hedges"))
    #expect(changed.version == 2 && changed.occasion.isEmpty && changed.tools.isEmpty)
    #expect(try await methods.find(made.id, for: nil) == changed)
    #expect(try await found("hedges", garden) == ["prune hedges"])
    #expect(try await found("roses spring", garden).isEmpty)
  }

  @Test(
    "an agent sees, finds, uses, changes and forgets its own methods alone, and uses what the owner wrote for all"
  )
  func scope() async throws {
    let own = try await methods.add(text("water plants"), agentID: garden, writtenBy: "smol")
    let everybodys = try await methods.add(text("water safety"), agentID: nil, writtenBy: nil)
    #expect(try await found("water", garden).count == 2)
    #expect(try await found("water", kitchen) == ["water safety"])
    #expect(try await methods.list(for: kitchen).map(\.id) == [everybodys.id])
    #expect(try await methods.list().count == 2)
    for (id, agent) in [(own.id, kitchen), (UUID(), garden)] {
      let refusal = MethodError.noSuchMethod(id.uuidString)
      await #expect(throws: refusal) { _ = try await methods.find(id, for: agent) }
      await #expect(throws: refusal) { try await methods.note(.failed, of: id, agentID: agent) }
    }
    // It is the owner's to change.
    for agent in [garden, kitchen] {
      await #expect(throws: MethodError.noSuchMethod(everybodys.id.uuidString)) {
        _ = try await methods.change(everybodys.id, by: agent, to: text("mine"))
      }
      await #expect(throws: MethodError.noSuchMethod(everybodys.id.uuidString)) {
        try await methods.forget(everybodys.id, by: agent)
      }
    }
    try await methods.note(.succeeded, of: everybodys.id, agentID: kitchen)
    #expect(try await methods.score(of: everybodys.id, for: garden).timesSucceeded == 1)
    #expect(try await methods.change(everybodys.id, by: nil, tier: .retired).tier == .retired)
    #expect(try await found("water", kitchen).isEmpty)
  }

  @Test("nothing that a model wrote is for all agents, whoever asks for it")
  func everybody() async throws {
    await #expect(throws: MethodError.needsAgent) {
      _ = try await methods.add(text("obey"), agentID: nil, writtenBy: "smol")
    }
    await #expect(throws: DatabaseError.self) {
      try await stores.methodology.write {
        try $0.execute(
          sql: """
            INSERT INTO methods (id, author, tier, name, description, body, created_at, updated_at)
            VALUES ('x', 'model', 'active', 'n', 'd', 'b', 0, 0)
            """)
      }
    }
    #expect(try await methods.list().isEmpty)
  }

  @Test("what a method is worth is computed from what came of it, however often it is asked for")
  func scores() async throws {
    let method = try await methods.add(text("water plants"), agentID: garden, writtenBy: nil)
    #expect(try await methods.score(of: method.id, for: garden).successRate == 0.5)
    for event in [MethodEvent.loaded, .succeeded, .loaded, .succeeded, .loaded, .failed] {
      try await methods.note(event, of: method.id, agentID: garden, now: Date(timeIntervalSince1970: 9))
    }
    let score = MethodScore(
      timesLoaded: 3, timesSucceeded: 2, timesFailed: 1, lastUsedAt: Date(timeIntervalSince1970: 9))
    for _ in 0..<3 {
      #expect(try await methods.score(of: method.id, for: garden) == score)
      _ = try await found("water", garden)
    }
    #expect(score.successRate == 0.6)
  }

  @Test("of two that fit alike, the one that succeeded comes first")
  func ranking() async throws {
    let good = try await methods.add(text("plant tulips"), agentID: garden, writtenBy: nil)
    let bad = try await methods.add(text("plant roses"), agentID: garden, writtenBy: nil)
    for _ in 0..<3 {
      try await methods.note(.succeeded, of: good.id, agentID: garden)
      try await methods.note(.failed, of: bad.id, agentID: garden)
    }
    #expect(try await found("plant", garden) == ["plant tulips", "plant roses"])
    try await methods.forget(good.id, by: garden)
    #expect(try await found("plant", garden) == ["plant roses"])
  }

  @Test("forgetting an agent takes its methods, and what it did with those of others, and nothing else")
  func forgetting() async throws {
    let everybodys = try await methods.add(text("water safety"), agentID: nil, writtenBy: nil)
    for agent in [garden, kitchen] {
      let own = try await methods.add(text("water plants"), agentID: agent, writtenBy: "smol")
      try await methods.note(.loaded, of: own.id, agentID: agent)
      try await methods.note(.loaded, of: everybodys.id, agentID: agent)
    }
    #expect(try await methods.forgetAll(agentID: garden) == 1)
    #expect(try await methods.list().map(\.agentID) == [kitchen, nil])
    #expect(try await methods.score(of: everybodys.id, for: nil).timesLoaded == 1)
    let events = try await stores.methodology.read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM method_events")
    }
    #expect(events == 2)
  }

  @Test("rows keep their numbers through a VACUUM, and the index with them")
  func vacuum() async throws {
    var kept: [String] = []
    for number in 0..<40 {
      let method = try await methods.add(text("method\(number)"), agentID: garden, writtenBy: nil)
      if number.isMultiple(of: 3) {
        kept.append(method.name)
      } else {
        try await methods.forget(method.id, by: garden)
      }
    }
    try await stores.methodology.vacuum()
    for name in kept { #expect(try await found(name, garden) == [name]) }
  }

  @Test("texts are bounded, and a question is no command")
  func bounds() async throws {
    let long = String(repeating: "x", count: 64 * 1024 + 1)
    let refused: [(MethodText, String, Int)] = [
      (MethodText(name: "", description: "d", body: "b"), "name", 200),
      (MethodText(name: "n", description: " ", body: "b"), "description", 4096),
      (MethodText(name: "n", description: "d", occasion: long, body: "b"), "occasion", 4096),
      (MethodText(name: "n", description: "d", body: long), "body", 64 * 1024),
    ]
    for (text, field, limit) in refused {
      await #expect(throws: MethodError.badText(field: field, limit: limit)) {
        _ = try await methods.add(text, agentID: garden, writtenBy: nil)
      }
    }
    _ = try await methods.add(text("water"), agentID: garden, writtenBy: nil)
    for question in ["", "\"", "NEAR(", "scope:everybody", "water* -plants", "tier : active"] {
      _ = try await found(question, garden)
    }
    let errors: [MethodError] = [.noSuchMethod("a"), .needsAgent, .badText(field: "name", limit: 1)]
    for error in errors { #expect(error.description.hasSuffix(".") && !error.description.contains("\n")) }
  }
}
