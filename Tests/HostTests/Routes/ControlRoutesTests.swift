import Foundation
import Identity
import Synchronization
import Testing

@testable import Host

@Suite("The owner's routes", .serialized, .timeLimit(.minutes(10)))
struct ControlRoutesTests {
  private static let all = [
    ("GET", "/control/status"), ("GET", "/control/identity"), ("GET", "/control/models"),
    ("GET", "/control/agents"), ("POST", "/control/agents"), ("GET", "/control/agents/Ada"),
    ("PATCH", "/control/agents/Ada"), ("DELETE", "/control/agents/Ada"),
    ("POST", "/control/agents/Ada/rotate"), ("POST", "/control/agents/Ada/revoke"),
    ("GET", "/control/keys"), ("POST", "/control/keys"), ("GET", "/control/keys/x"),
    ("POST", "/control/keys/x/revoke"), ("POST", "/control/keys/revoke-all"), ("GET", "/control/issuers"),
    ("POST", "/control/issuers"), ("POST", "/control/issuers/x/distrust"), ("GET", "/v1/control/status"),
    ("GET", "/api/control/keys"), ("POST", "/control/agents/Ada/forget"), ("GET", "/control/tools"),
    ("POST", "/control/tools/search"), ("GET", "/control/tools/x"), ("POST", "/control/storage/rebuild"),
  ]

  @Test("nobody reaches them over TCP or through the channel, whatever key they have")
  func unreachable() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let (master, agent) = (try await host.key().text, try await host.key(for: "Ada").text)
      let sealed = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      for (method, path) in Self.all {
        #expect(try await doors.tcp.ask(method, path, "{}").status == 401)
        for key in [master, agent] {
          let answer = try await doors.with(key: key).ask(method, path, "{}")
          #expect(answer.status == 404, "\(method) \(path)")
          #expect(answer.text == "Not Found")
          let inside = try await sealed.ask(method, path, key: key, body: "{}")
          #expect(inside.status == 404)
          #expect(inside.text == "Not Found")
        }
      }
      #expect(try await host.ask("GET", "/control/agents/Ada").status == 200)
    }
  }

  @Test("the status tells where the service is and what it has")
  func status() async throws {
    try await WholeHost.serve { host, doors in
      _ = try await host.agent("Ada")
      _ = try await host.key()
      let status = try await doors.control.ask("GET", "/control/status").json
      #expect(status["ready"] as? Bool == true)
      #expect(status["version"] as? String == HostServices.version)
      #expect(status["pid"] as? Int32 == ProcessInfo.processInfo.processIdentifier)
      #expect(status["url"] as? String == "http://127.0.0.1:\(doors.port)")
      #expect(status["socket"] as? String == doors.socket)
      #expect(status["exposed"] as? Bool == false)
      #expect(status["agents"] as? Int == 1)
      #expect(status["keys"] as? Int == 1)
      #expect(status["keystore"] as? String == "file")
      let address = host.services.address.checksummed
      #expect((status["identity"] as? [String: Any])?["address"] as? String == address)
      #expect((status["model"] as? [String: Any])?["current"] as? String == "scripted/one")
      let identity = try await doors.control.ask("GET", "/control/identity").json
      #expect(identity["address"] as? String == address)
    }
  }

  @Test("agents are made, shown, changed, rotated and deleted")
  func agents() async throws {
    try await WholeHost.run { host in
      let made = try await host.ask(
        "POST", "/control/agents", #"{"name":"Ada","description":"d","systemPrompt":"p","model":"m"}"#)
      #expect(made.status == 201)
      let address = try #require(made.json["address"] as? String)
      #expect(try address == Address(address).checksummed)
      for name in ["Ada", address, address.lowercased(), made.json["id"] as? String ?? ""] {
        let shown = try await host.ask("GET", "/control/agents/\(name)")
        #expect(shown.json["systemPrompt"] as? String == "p")
        #expect(shown.json["model"] as? String == "m")
      }
      let changed = try await host.ask(
        "PATCH", "/control/agents/Ada", #"{"name":"Ada Lovelace","model":""}"#)
      #expect(changed.status == 200)
      #expect(changed.json["model"] == nil)
      #expect(changed.json["description"] as? String == "d")
      let rotated = try await host.ask("POST", "/control/agents/Ada%20Lovelace/rotate")
      #expect(rotated.status == 200)
      #expect(rotated.json["address"] as? String != address)
      #expect(try await host.ask("DELETE", "/control/agents/Ada%20Lovelace").status == 200)
      #expect(try await host.ask("GET", "/control/agents/Ada%20Lovelace").status == 404)
      // Neither of the two addresses comes back.
      let next = try await host.agent("Ada")
      #expect(next.index == 2)
    }
  }

  private static let friend = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

  private static func order(_ scope: String, agent: String? = nil, issuer: String = friend) -> String {
    let agent = agent.map { #","agent":"\#($0)""# } ?? ""
    return #"{"issuer":"\#(issuer)","scope":"\#(scope)"\#(agent)}"#
  }

  @Test("orders that make no sense are refused with a code and a sentence")
  func refusals() async throws {
    try await WholeHost.run { host in
      _ = try await host.agent("Ada")
      let cases: [(String, String, String, Int, String)] = [
        ("POST", "/control/agents", "", 400, "invalid_request"),
        ("POST", "/control/agents", "{}", 400, "invalid_request"),
        ("POST", "/control/agents", #"{"name":""}"#, 400, "invalid_request"),
        ("POST", "/control/agents", #"{"name":"Ada"}"#, 409, "name_taken"),
        ("GET", "/control/agents/Bob", "", 404, "agent_not_found"),
        ("PATCH", "/control/agents/Bob", "{}", 404, "agent_not_found"),
        ("PATCH", "/control/agents/Ada", "[", 400, "invalid_request"),
        ("DELETE", "/control/agents/Bob", "", 404, "agent_not_found"),
        ("POST", "/control/agents/Bob/rotate", "", 404, "agent_not_found"),
        ("POST", "/control/keys", "[]", 400, "invalid_request"),
        ("POST", "/control/keys", #"{"agent":"Bob"}"#, 404, "agent_not_found"),
        ("POST", "/control/keys", #"{"expires":"2d"}"#, 400, "invalid_request"),
        ("POST", "/control/keys/\(UUID())/revoke", "", 404, "key_not_found"),
        ("POST", "/control/keys/zzz/revoke", "", 404, "key_not_found"),
        ("GET", "/control/keys/zzz", "", 404, "key_not_found"),
        ("POST", "/control/agents/Bob/revoke", "", 404, "agent_not_found"),
        ("POST", "/control/keys/revoke-all", "", 400, "invalid_request"),
        ("POST", "/control/keys/revoke-all", #"{"agent":"Bob"}"#, 404, "agent_not_found"),
        ("POST", "/control/keys/revoke-all", #"{"agent":""}"#, 404, "agent_not_found"),
        ("POST", "/control/issuers", "{}", 400, "invalid_request"),
        ("POST", "/control/issuers", #"{"issuer":"0x1","scope":"host"}"#, 400, "invalid_request"),
        ("POST", "/control/issuers", Self.order("everything"), 400, "invalid_request"),
        ("POST", "/control/issuers", Self.order("agent"), 400, "invalid_request"),
        ("POST", "/control/issuers", Self.order("host", agent: "Ada"), 400, "invalid_request"),
        ("POST", "/control/issuers", Self.order("agent", agent: "Bob"), 404, "agent_not_found"),
        (
          "POST", "/control/issuers", Self.order("host", issuer: host.services.address.checksummed), 409,
          "own_address"
        ),
        ("POST", "/control/issuers/0x1/distrust", "{}", 400, "invalid_request"),
        ("POST", "/control/issuers/\(Self.friend)/distrust", "", 400, "invalid_request"),
        ("POST", "/control/issuers/\(Self.friend)/distrust", "{}", 404, "issuer_not_found"),
      ]
      for (method, path, body, status, code) in cases {
        let answer = try await host.ask(method, path, body)
        #expect(answer.status == status, "\(method) \(path) \(body)")
        #expect(answer.json["error"] as? String == code)
        #expect((answer.json["message"] as? String)?.isEmpty == false)
      }
    }
  }

  @Test("a key's text is in one answer only")
  func keyText() async throws {
    try await WholeHost.run { host in
      _ = try await host.agent("Ada")
      let key = try await host.key(for: "Ada")
      #expect(key.text.hasPrefix("osk-v1."))
      let list = try await host.text("GET", "/control/keys")
      #expect(list.contains(key.id))
      #expect(!list.contains("osk-v1"))
      // A client may write any character of a path in its encoded form.
      let encoded = key.id.replacing("-", with: "%2D")
      let revoked = try await host.text("POST", "/control/keys/\(encoded)/revoke")
      #expect(revoked.contains("revokedAt"))
      #expect(!revoked.contains("osk-v1"))
    }
  }
}
