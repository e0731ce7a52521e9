import Foundation
import Synchronization
import Testing

@testable import Host

@Suite("What a host says of itself, over TCP", .serialized, .timeLimit(.minutes(10)))
struct InformationRoutesTests {
  @Test("anybody may know that a host is here, under every prefix")
  func root() async throws {
    try await WholeHost.serve { _, doors in
      for path in ["/", "/v1", "/v1/", "/api", "/api/", "/v1/api", "/?a=b"] {
        let answer = try await doors.tcp.ask("GET", path)
        #expect(answer.status == 200)
        #expect(answer.text == "Osaurus Server is running! 🦕")
        #expect(answer.headers["content-type"] == "text/plain; charset=utf-8")
      }
      #expect(try await doors.tcp.ask("HEAD", "/").status == 204)
      #expect(try await doors.tcp.ask("POST", "/", "{}").status == 404)
    }
  }

  @Test("strangers and holders of an agent's key learn that it is healthy and the time, and nothing else")
  func healthForStrangers() async throws {
    try await WholeHost.serve { host, doors in
      _ = try await host.agent("Ada")
      let key = try await host.key(for: "Ada").text
      for wire in [doors.tcp, doors.with(key: key), doors.with(key: "osk-v1.no.key")] {
        for path in ["/health", "/v1/health", "/api/health"] {
          let answer = try await wire.ask("GET", path)
          #expect(answer.status == 200)
          #expect(answer.json.keys.sorted() == ["status", "timestamp"])
          #expect(answer.json["status"] as? String == "healthy")
          let time = try #require(answer.json["timestamp"] as? String)
          #expect(try Date(time, strategy: .iso8601).timeIntervalSinceNow < 60)
        }
      }
      #expect(host.model.seen.withLock { $0.requests.isEmpty })
    }
  }

  @Test("the owner, and whoever has a key to the whole host, see how it does")
  func healthForTheOwner() async throws {
    try await WholeHost.serve { host, doors in
      let key = try await host.key().text
      for wire in [doors.control, doors.with(key: key)] {
        let health = try await wire.ask("GET", "/health").json
        #expect(health["loaded"] as? [String] == ["scripted/one"])
        #expect(health["current_model"] as? String == "scripted/one")
        #expect(health["http_inflight"] as? Int == 0)
        #expect(health["http_inference_limit"] as? Int == 12)
        #expect(health["memory_enabled"] as? Bool == false)
      }
    }
  }
}
