import Agents
import Foundation
import HTTPTypes
import Inference
import Stores
import Testing

@testable import Host

@Suite("What agents remember, over the routes", .serialized, .timeLimit(.minutes(10)))
struct MemoryRoutesTests {
  private static let meaning = ["OSAURUS_EMBEDDING_MODEL": ScriptedModelServer.meaningModel]

  private func ingestion(_ agent: UUID, _ conversation: String = "c1") -> String {
    """
    {"agent_id":"\(agent)","conversation_id":"\(conversation)","session_date":"2026-05-01",
     "turns":[{"user":"where is the ship","assistant":"at its mooring","date":"2026-05-01T10:00:00Z"},
              {"user":"thank you"}]}
    """
  }

  @Test("a conversation is taken in and answers in the words of the protocol")
  func ingest() async throws {
    try await WholeHost.run { host in
      let ada = try await host.agent("Ada")
      for _ in 0..<2 {
        let answer = try await host.text("POST", "/v1/memory/ingest", ingestion(ada.id))
        #expect(answer == #"{"status":"ok","turns_ingested":2}"#)
      }
      let listed = try await host.ask("POST", "/control/memory/list", #"{"agent":"Ada"}"#)
      let memories = try #require(listed.json["memories"] as? [[String: Any]])
      #expect(memories.count == 3)
      #expect(
        Set(memories.compactMap { $0["happenedAt"] as? String }) == [
          "2026-05-01T00:00:00Z", "2026-05-01T10:00:00Z",
        ])
    }
  }

  @Test(
    "an agent's key lets its own memory be written, and no other agent's, and only through the channel from afar"
  )
  func reach() async throws {
    try await WholeHost.serve { host, doors in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let (master, key) = (try await host.key().text, try await host.key(for: "Ada").text)
      let path = "/memory/ingest"
      #expect(try await doors.tcp.ask("POST", path, ingestion(ada.id)).status == 401)
      #expect(try await doors.with(key: key).ask("POST", path, ingestion(ada.id)).status == 200)
      #expect(try await doors.with(key: key).ask("POST", path, ingestion(bob.id)).status == 403)
      #expect(try await doors.with(key: master).ask("POST", path, ingestion(bob.id)).status == 200)
      #expect(try await host.fromElsewhere(.post, path, key: key, ingestion(ada.id)).status == 426)
      let sealed = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      #expect(try await sealed.ask("POST", path, key: key, body: ingestion(ada.id)).status == 200)
      #expect(try await sealed.ask("POST", path, key: key, body: ingestion(bob.id)).status == 403)
    }
  }

  @Test("what cannot be taken in is refused, and nothing is kept of it")
  func refusals() async throws {
    try await WholeHost.run { host in
      let ada = try await host.agent("Ada")
      let path = "/memory/ingest"
      let many = Array(repeating: #"{"user":"x"}"#, count: MemoryRoutes.mostTurns + 1).joined(separator: ",")
      let long = String(repeating: "x", count: NewMemory.longestContent + 1)
      for (body, status) in [
        ("", 400), ("[]", 400), (#"{"agent_id":"\#(ada.id)"}"#, 400),
        (#"{"agent_id":"nobody","conversation_id":"c","turns":[]}"#, 400),
        (#"{"agent_id":"\#(UUID())","conversation_id":"c","turns":[]}"#, 404),
        (#"{"agent_id":"\#(ada.id)","conversation_id":"","turns":[{"user":"x"}]}"#, 400),
        (#"{"agent_id":"\#(ada.id)","conversation_id":"c","turns":[\#(many)]}"#, 400),
        (#"{"agent_id":"\#(ada.id)","conversation_id":"c","turns":[{"user":"\#(long)"}]}"#, 400),
      ] {
        #expect(try await host.ask("POST", path, body).status == status, "\(body.prefix(80))")
      }
      #expect(try await host.ask("GET", "/control/memory").json["memories"] as? Int == 0)
    }
  }

  @Test("with a model for embeddings, memories are found by what they mean")
  func meaning() async throws {
    try await WholeHost.run(environment: Self.meaning) { host in
      _ = try await host.agent("Ada")
      for text in ["The ship lies at its mooring.", "Coffee is in the cupboard.", "Mind the stairs."] {
        #expect(
          try await host.ask("POST", "/control/memory", #"{"agent":"Ada","text":"\#(text)"}"#).status == 201)
      }
      try await host.services.memory.embedAll()
      let found = try await host.ask(
        "POST", "/control/memory/search", #"{"agent":"Ada","text":"sail","limit":1}"#)
      #expect(found.json["ranking"] as? String == "words-and-meaning")
      let hit = try #require((found.json["hits"] as? [[String: Any]])?.first)
      #expect((hit["memory"] as? [String: Any])?["content"] as? String == "The ship lies at its mooring.")
      #expect(hit["byWords"] as? Bool == false && hit["byMeaning"] as? Bool == true)
      let condition = try await host.ask("GET", "/control/memory").json
      #expect(condition["embedded"] as? Int == 3)
      #expect(condition["embeddingModel"] as? String == ScriptedModelServer.meaningModel)
    }
  }

  @Test("the running service embeds what is added, without being asked")
  func background() async throws {
    try await WholeHost.serve(environment: Self.meaning) { host, doors in
      _ = try await host.agent("Ada")
      _ = try await doors.control.ask(
        "POST", "/control/memory", #"{"agent":"Ada","text":"The ship lies at its mooring."}"#)
      let clock = ContinuousClock()
      let deadline = clock.now + .seconds(30)
      var embedded = 0
      while embedded == 0, clock.now < deadline {
        embedded = try await doors.control.ask("GET", "/control/memory").json["embedded"] as? Int ?? 0
      }
      #expect(embedded == 1)
    }
  }

  @Test("without a model for embeddings, or with one that fails, words alone answer, and that is said")
  func wordsAlone() async throws {
    try await WholeHost.run { host in
      _ = try await host.agent("Ada")
      _ = try await host.ask("POST", "/control/memory", #"{"agent":"Ada","text":"The ship"}"#)
      let found = try await host.ask("POST", "/control/memory/search", #"{"agent":"Ada","text":"ship"}"#).json
      #expect(found["ranking"] as? String == "words")
      #expect((found["reason"] as? String)?.contains("embeddingModel") == true)
      #expect((found["hits"] as? [Any])?.count == 1)
    }
    try await WholeHost.run(environment: ["OSAURUS_EMBEDDING_MODEL": "nobody/has-it"]) { host in
      // The scripted server answers with one embedding whatever it is asked, which does for one question.
      _ = try await host.ask("POST", "/control/memory", #"{"layer":"identity","text":"The ship"}"#)
      _ = try await host.ask("POST", "/control/memory", #"{"layer":"identity","text":"The boat"}"#)
      await #expect(throws: InferenceError.self) { try await host.services.memory.embedAll() }
      let found = try await host.ask("POST", "/control/memory/search", #"{"text":"ship"}"#).json
      #expect((found["hits"] as? [Any])?.count == 1)
    }
  }

  @Test("the owner's orders refuse what makes no sense")
  func orders() async throws {
    try await WholeHost.run { host in
      _ = try await host.agent("Ada")
      for (method, path, body, status) in [
        ("POST", "/control/memory", #"{"text":"for all","layer":"pinned"}"#, 400),
        ("POST", "/control/memory", #"{"agent":"Ada"}"#, 400),
        ("POST", "/control/memory", #"{"agent":"Bob","text":"x"}"#, 404),
        ("POST", "/control/memory", #"{"agent":"Ada","text":"x","salience":2}"#, 400),
        ("POST", "/control/memory", #"{"agent":"Ada","text":"x","layer":"dream"}"#, 400),
        ("POST", "/control/memory/search", "{}", 400), ("POST", "/control/memory/forget", "{}", 400),
        ("DELETE", "/control/memory/x", "", 404), ("DELETE", "/control/memory/\(UUID())", "", 404),
      ] {
        #expect(try await host.ask(method, path, body).status == status, "\(method) \(path) \(body)")
      }
    }
  }
}
