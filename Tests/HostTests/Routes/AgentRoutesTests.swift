import Foundation
import Identity
import Testing

@testable import Host

@Suite("The catalogue of agents, over TCP", .serialized, .timeLimit(.minutes(10)))
struct AgentRoutesTests {
  private func listed(_ answer: WireAnswer) -> [String] {
    (answer.json["agents"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
  }

  @Test("an agent is described in the shape that clients know, and its prompt is not told")
  func shape() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada", prompt: "Keep this to yourself.")
      let own = try await host.agent("Bob", model: "another/model")
      let wire = doors.with(key: try await host.key().text)
      let list = try await wire.ask("GET", "/v1/agents")
      #expect(listed(list) == ["Ada", "Bob"])
      let address = try #require(ada.address)
      for name in [
        ada.id.uuidString, ada.id.uuidString.lowercased(), address.checksummed, address.lowercased,
      ] {
        let answer = try await wire.ask("GET", "/agents/\(name)")
        #expect(answer.status == 200)
        #expect(
          answer.json.keys.sorted() == [
            "created_at", "description", "effective_model", "id", "is_built_in", "memory_entry_count", "name",
            "supports_thinking", "supports_vision", "updated_at",
          ])
        #expect(answer.json["id"] as? String == ada.id.uuidString)
        #expect(answer.json["effective_model"] as? String == "scripted/one")
        #expect(answer.json["is_built_in"] as? Bool == false)
      }
      let other = try await wire.ask("GET", "/agents/\(own.id)")
      #expect(other.json["default_model"] as? String == "another/model")
      #expect(other.json["effective_model"] as? String == "another/model")
      #expect(!list.text.contains("yourself"))
    }
  }

  @Test("a key for one agent shows that agent and no other")
  func scope() async throws {
    try await WholeHost.serve { host, doors in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let wire = doors.with(key: try await host.key(for: "Bob").text)
      #expect(listed(try await wire.ask("GET", "/agents")) == ["Bob"])
      #expect(try await wire.ask("GET", "/agents/\(bob.id)").status == 200)
      let strangers = [ada.id.uuidString, ada.address?.lowercased ?? "", UUID().uuidString, "Ada"]
      for name in strangers {
        let answer = try await wire.ask("GET", "/agents/\(name)")
        #expect(answer.status == 403)
        #expect(
          answer.text == """
            {"error":"agent_scope_denied","message":"This access key is not scoped to the requested agent."}
            """)
      }
      #expect(try await doors.tcp.ask("GET", "/agents").status == 401)
    }
  }

  @Test("a name that is none is 400, an agent that is not there 404")
  func unknown() async throws {
    try await WholeHost.serve { host, doors in
      _ = try await host.agent("Ada")
      let wire = doors.with(key: try await host.key().text)
      for name in ["Ada", "default", "0x12", "..", "%2e%2e", "'--"] {
        let answer = try await wire.ask("GET", "/agents/\(name)")
        #expect(answer.status == 400)
        #expect(answer.text == #"{"error":"invalid_agent_id","message":"Invalid agent UUID in path"}"#)
      }
      let address = host.services.address.lowercased
      for name in [UUID().uuidString, address] {
        let answer = try await wire.ask("GET", "/agents/\(name)")
        #expect(answer.status == 404)
        #expect(answer.text == #"{"error":"agent_not_found","message":"No agent found for the given ID"}"#)
      }
    }
  }
}
