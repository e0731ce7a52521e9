import Agents
import Foundation
import GRDB
import Identity
import Keyring
import Storage
import Stores
import Testing

@testable import Host

@Suite("What a deleted agent leaves", .serialized, .timeLimit(.minutes(10)))
struct ForgettingTests {
  private struct Stop: Error {}
  private static let full = AgentLegacy(conversations: 1, memories: 3, methods: 1, database: true)

  /// Gives an agent something of everything that an agent has.
  private func fill(_ agent: UUID, _ services: HostServices) async throws {
    let image = NewAttachment(
      position: 1, kind: "image_url", mediaType: nil, part: "{}", encoding: .base64,
      content: Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ agent.hashValue) }))
    _ = try await services.chats.openSession(
      UUID(), agentID: agent, openedBy: .owner, title: "", model: nil, source: .chat,
      saying: { _ in [NewTurn(role: "user", content: "the tulip", attachments: [image])] })
    _ = try await services.memory.ingest(
      [ConversationTurn(user: "a tulip", assistant: "yes")], conversation: "c", agentID: agent, date: nil,
      isToBeLearnedFrom: true)
    _ = try await services.memory.add(NewMemory(agentID: agent, content: "likes tulips"))
    _ = try await services.methods.add(
      MethodText(name: "tulips", description: "grows them", body: "water"), agentID: agent, writtenBy: "smol")
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { try $0.execute(sql: "CREATE TABLE own (id INTEGER PRIMARY KEY)") }
    try await services.databases.cabinet.withDatabase(.agent(agent), migrator: migrator) { _ in }
  }

  /// What there is of an agent anywhere.
  private func left(_ agent: UUID, _ services: HostServices) async throws -> AgentLegacy {
    try await services.legacy(of: agent)
  }

  @Test("stays as it is unless it is to be forgotten, which can be said later, too")
  func kept() async throws {
    try await WholeHost.run { host in
      let services = host.services
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      for agent in [ada, bob] { try await fill(agent.id, services) }
      let deleted = try await host.ask("DELETE", "/control/agents/Ada")
      #expect(deleted.status == 200)
      #expect((deleted.json["left"] as? [String: Any])?["memories"] as? Int == 3)
      #expect(deleted.json["forgotten"] == nil)
      #expect(try await left(ada.id, services) == Self.full)
      #expect(try await services.chats.search("tulip").count == 2)

      let forgotten = try await host.ask("POST", "/control/agents/\(ada.id)/forget")
      #expect(forgotten.status == 200)
      #expect((forgotten.json["forgotten"] as? [String: Any])?["conversations"] as? Int == 1)
      #expect(try await left(ada.id, services).isNothing)
      #expect(try await host.ask("POST", "/control/agents/\(ada.id)/forget").status == 404)
      #expect(try await host.ask("POST", "/control/agents/Ada/forget").status == 404)
      // Of another agent, all of it stays.
      #expect(try await left(bob.id, services) == Self.full)
      #expect(try services.databases.blobs.names().count == 1)
    }
  }

  @Test("is gone with the agent where that is said, and nothing of it is found any more")
  func forgotten() async throws {
    try await WholeHost.run { host in
      let services = host.services
      let ada = try await host.agent("Ada")
      try await fill(ada.id, services)
      let answer = try await host.ask("POST", "/control/agents/Ada/forget")
      #expect(answer.status == 200)
      #expect(answer.json["name"] as? String == "Ada")
      #expect((answer.json["forgotten"] as? [String: Any])?["database"] as? Bool == true)
      #expect(try await host.ask("GET", "/control/agents/Ada").status == 404)
      #expect(try await left(ada.id, services).isNothing)
      #expect(try await services.chats.search("tulip").isEmpty)
      #expect(try await services.memory.search(MemoryQuestion(agentID: nil, text: "tulip")).hits.isEmpty)
      #expect(try services.databases.blobs.names().isEmpty)
      #expect(try await services.agents.forgetting().isEmpty)
      let signals = try await services.databases.memory.read {
        try Int.fetchOne($0, sql: "SELECT count(*) FROM pending_signals")
      }
      #expect(signals == 0)
    }
  }

  @Test("wherever it is stopped, the agent is gone and the next start forgets the rest")
  func interrupted() async throws {
    let stored = try await StoredHost()
    for stop in HostServices.ForgettingStep.allCases {
      let services = try await stored.services()
      let ada = try await services.agents.create(name: "Ada") { try services.master.agentKey($0).address }
      try await fill(ada.id, services)
      _ = try await services.agents.delete(ada.id, forgetting: true)
      await #expect(throws: Stop.self) {
        _ = try await services.forget(ada.id) { if $0 == stop { throw Stop() } }
      }
      #expect(try await services.agents.forgetting() == [ada.id])
      await services.shutdown()
      let again = try await stored.services()
      #expect(try await again.agents.find(id: ada.id) == nil)
      #expect(try await left(ada.id, again).isNothing, "\(stop)")
      #expect(try await again.agents.forgetting().isEmpty)
      // What was there before is there.
      #expect(try await again.chats.turns(of: stored.session).count == 20)
      await again.shutdown()
      #expect(try stored.broken().isEmpty)
    }
  }

  @Test("without a database that it is in, it is forgotten once that opens again")
  func degraded() async throws {
    let stored = try await StoredHost()
    let first = try await stored.services()
    let ada = try await first.agents.create(name: "Ada") { try first.master.agentKey($0).address }
    try await fill(ada.id, first)
    await first.shutdown()
    try StoredHost.flip(stored.file(.memory), at: 100)
    let broken = try await stored.services()
    let host = WholeHost(
      services: broken, model: ScriptedModelServer(), owner: InProcessClient(services: broken))
    let answer = try await host.ask("POST", "/control/agents/Ada/forget")
    #expect(answer.status == 200)
    #expect((answer.json["pending"] as? String)?.contains("memory/memory.sqlite") == true)
    await broken.shutdown()
    try StoredHost.flip(stored.file(.memory), at: 100)
    let mended = try await stored.services()
    #expect(try await left(ada.id, mended).isNothing)
    await mended.shutdown()
  }

  @Test("an agent that is there is not forgotten by its id alone, and keeps what it has")
  func there() async throws {
    let stored = try await StoredHost()
    let services = try await stored.services()
    let ada = try await services.agents.create(name: "Ada") { try services.master.agentKey($0).address }
    await #expect(throws: StoresError.nameTaken("Ada")) { try await services.agents.forget(gone: ada.id) }
    #expect(try await services.agents.forgetting().isEmpty)
    await services.shutdown()
  }
}
