import Foundation
import HTTPTypes
import Identity
import Testing

@testable import Host

@Suite("Agents without an address", .serialized, .timeLimit(.minutes(10)))
struct LocalAgentTests {
  private static let chat = #"{"model":"","messages":[{"role":"user","content":"say yes"}]}"#

  @Test("their owner talks with them as before, and finds the conversation of before")
  func owner() async throws {
    try await WholeHost.run { host in
      let ada = try await host.agent("Ada")
      let session = UUID()
      func say() async throws -> Int {
        let body = Self.chat.replacing(#""model""#, with: #""session_id":"\#(session)","model""#)
        return try await host.owner.send("POST", "/agents/\(ada.id)/run", body: Array(body.utf8)).status
      }
      #expect(try await say() == 200)
      let revoked = try await host.ask("POST", "/control/agents/Ada/revoke")
      #expect(revoked.status == 200)
      #expect(revoked.json["address"] == nil && revoked.json["index"] == nil)
      #expect(try await say() == 200)
      #expect(try await host.turns(of: session).count == 4)
      #expect(host.services.access.agentCount == 1)
      let key = try await host.ask("POST", "/control/keys", #"{"agent":"Ada"}"#)
      #expect(key.status == 409)
      #expect(key.json["error"] as? String == "no_address")
      let rotated = try await host.ask("POST", "/control/agents/Ada/rotate")
      #expect(rotated.json["index"] as? Int == 1)
      #expect(try await host.ask("POST", "/control/keys", #"{"agent":"Ada"}"#).status == 201)
    }
  }

  @Test("for another machine they do not exist, whatever key it holds, and their old keys are shut at once")
  func elsewhere() async throws {
    try await WholeHost.serve { host, doors in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let (whole, own) = (try await host.key().text, try await host.key(for: "Ada").text)
      let wire = doors.with(key: own)
      let now = Int64(Date().timeIntervalSince1970)
      let sealed = try await SealedClient.open(with: try #require(ada.address), over: doors.tcp, now: now)
      #expect(try await wire.ask("GET", "/agents/\(ada.id)").status == 200)
      #expect(try await doors.control.ask("POST", "/control/agents/Ada/revoke").status == 200)
      #expect(try await wire.ask("GET", "/agents/\(ada.id)").status == 401)
      #expect(try await sealed.ask("GET", "/agents/\(ada.id)", key: own).status == 401)
      let address = try #require(ada.address)
      await #expect(throws: WireAnswer.Malformed.self) {
        try await SealedClient.open(with: address, over: doors.tcp)
      }
      let seen = try await host.fromElsewhere(.get, "/agents", key: whole)
      #expect(seen.body.contains(bob.id.uuidString) && !seen.body.contains(ada.id.uuidString))
      for name in [ada.id.uuidString, address.checksummed] {
        #expect(try await host.fromElsewhere(.get, "/agents/\(name)", key: whole).status == 404)
      }
    }
  }
}
