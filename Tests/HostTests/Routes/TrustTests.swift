import Foundation
import Stores
import Testing

@testable import Host
@testable import Identity

@Suite("Keys of trusted issuers, over TCP", .serialized, .timeLimit(.minutes(10)))
struct TrustTests {
  private let friend: SigningKey

  init() throws { friend = try MasterKey.generate().signingKey }

  private func key(for audience: Address?) throws -> String {
    AccessKeyMint.mint(
      AccessKeyClaims(
        audience: try #require(audience), counter: 1, expiresAt: nil, issuedAt: 1_700_000_000,
        issuer: friend.address, label: nil, nonce: "00000000000000000000000000000001"), by: friend
    ).withText { $0 }
  }

  private func order(_ scope: String, agent: String? = nil) -> String {
    let agent = agent.map { #","agent":"\#($0)""# } ?? ""
    return #"{"issuer":"\#(friend.address)","scope":"\#(scope)"\#(agent),"label":"a friend"}"#
  }

  @Test(
    "they open what their issuer is trusted for, from the next request on, and until the one after distrust")
  func opens() async throws {
    try await WholeHost.serve { host, doors in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let adas = doors.with(key: try key(for: ada.address))
      let bobs = doors.with(key: try key(for: bob.address))
      let whole = doors.with(key: try key(for: host.services.address))
      func statuses() async throws -> [Int] {
        [
          try await adas.ask("GET", "/agents/\(ada.id)").status,
          try await adas.ask("GET", "/agents/\(bob.id)").status,
          try await bobs.ask("GET", "/agents/\(bob.id)").status,
          try await whole.ask("GET", "/models").status,
        ]
      }
      // No key was made here yet.
      #expect(try await statuses() == [401, 401, 401, 401])
      let trusted = try await doors.control.ask("POST", "/control/issuers", order("agent", agent: "Ada"))
      #expect(trusted.status == 201)
      #expect(trusted.json["agent"] as? String == "Ada")
      #expect(try await statuses() == [200, 403, 401, 401])
      _ = try await doors.control.ask("POST", "/control/issuers", order("every-agent"))
      #expect(try await statuses() == [200, 403, 200, 401])
      _ = try await doors.control.ask("POST", "/control/issuers", order("host"))
      #expect(try await statuses() == [200, 403, 200, 200])
      let listed = try await doors.control.ask("GET", "/control/issuers").json["issuers"] as? [[String: Any]]
      #expect(Set(listed?.compactMap { $0["scope"] as? String } ?? []) == ["agent", "every-agent", "host"])

      let path = "/control/issuers/\(friend.address)/distrust"
      #expect(try await doors.control.ask("POST", path, #"{"scope":"every-agent"}"#).status == 200)
      #expect(try await doors.control.ask("POST", path, #"{"scope":"host"}"#).status == 200)
      #expect(try await statuses() == [200, 403, 401, 401])
      #expect(try await doors.control.ask("POST", path, "{}").status == 200)
      #expect(try await statuses() == [401, 401, 401, 401])
    }
  }

  @Test("an agent's own key opens that agent alone, also when somebody signs another audience with it")
  func agentsKey() async throws {
    try await WholeHost.serve { host, doors in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let signer = try host.services.master.agentKey(AgentIndex(rawValue: try #require(ada.index)))
      for audience in [bob.address, host.services.address] {
        let forged = AccessKeyMint.mint(
          AccessKeyClaims(
            audience: try #require(audience), counter: 9, expiresAt: nil, issuedAt: 1_700_000_000,
            issuer: signer.address, label: nil, nonce: "aa"), by: signer
        ).withText { $0 }
        _ = try await host.key()
        let answer = try await doors.with(key: forged).ask("GET", "/agents")
        #expect(answer.status == 401)
        #expect(answer.text.contains("Issuer not whitelisted"))
      }
    }
  }
}
