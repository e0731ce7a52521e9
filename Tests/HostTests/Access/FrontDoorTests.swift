import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Synchronization
import Testing

@testable import Host

@Suite("The front door")
struct FrontDoorTests {
  private func message(_ text: String) -> String {
    #"{"error":{"message":"\#(text)","type":"authentication_error"}}"#
  }

  // MARK: Keys

  @Test("a request without a key is told why, in the words that clients know")
  func authenticationMessages() async throws {
    let host = try TestHost()
    func ask(_ authorization: String?) async throws -> TestHost.Answer {
      var headers: HTTPFields = [:]
      headers[.authorization] = authorization
      return try await host.ask(.get, "/models", headers: headers)
    }
    let unrecognised = message("Invalid access key: Unrecognized token format")
    #expect(try await ask(nil).body == unrecognised)
    #expect(try await ask("Bearer ").body == unrecognised)
    #expect(try await ask("bearer \(host.masterKey)").body == unrecognised)
    #expect(try await ask("Basic \(host.masterKey)").body == unrecognised)
    #expect(try await ask(nil).status == 401)
    let old = host.key(of: host.master.signingKey, expiry: .days30, issuedAt: TestHost.now - 40 * 86_400)
    #expect(try await ask("Bearer \(old)").body == message("Access key has expired"))
    let strange = host.key(of: try MasterKey.generate().signingKey)
    #expect(try await ask("Bearer \(strange)").body == message("Invalid access key: Audience mismatch"))
    #expect(try await ask("Bearer \(host.masterKey)").status == 200)

    _ = host.validator.replace(with: .closed)
    #expect(
      try await ask("Bearer \(host.masterKey)").body
        == message("No access keys configured. Create one in Osaurus settings."))
  }

  @Test("a revocation holds from the next request on")
  func revocation() async throws {
    let host = try TestHost()
    let key = host.agentKey
    #expect(try await host.ask(.get, "/agents/first", key: key).status == 200)
    _ = host.validator.replace(
      with: AccessKeyValidator(
        rules: .init(
          master: host.master.address, agents: [host.agent.address],
          counterThresholds: [host.agent.address: 1])))
    let answer = try await host.ask(.get, "/agents/first", key: key)
    #expect(answer.status == 401)
    #expect(answer.body == message("Access key has been revoked"))
  }

  @Test(
    "what is public needs no key, with every prefix",
    arguments: ["/", "/health", "/v1/health", "/api/health?x=1", "/v1/api/health", "/v1", "/api"])
  func publicPaths(path: String) async throws {
    #expect(try await TestHost().ask(.get, path).status == 200)
  }

  @Test("one prefix is taken off, and only one")
  func onePrefix() async throws {
    let host = try TestHost()
    #expect(try await host.ask(.get, "/api/v1/models", key: host.masterKey).status == 404)
    #expect(
      try await host.ask(.get, "/v1/api/models?q=a%20b", key: host.masterKey).body == "GET /models?q=a%20b ")
    #expect(try await host.ask(.get, "/v1models", key: host.masterKey).status == 404)
  }

  @Test("a stranger learns nothing of what there is; a holder of a key gets a plain 404")
  func unknownPaths() async throws {
    let host = try TestHost()
    for path in ["/nothing", "/control/status", "/models/", "//models"] {
      #expect(try await host.ask(.get, path).status == 401)
      let answer = try await host.ask(.get, path, key: host.masterKey)
      #expect(answer.status == 404)
      #expect(answer.body == "Not Found")
    }
    #expect(try await host.ask(.get, "/secure/session").status == 404)
    #expect(try await host.ask(.delete, "/models").status == 401)
  }

  @Test("owner routes exist for the owner alone")
  func administration() async throws {
    let host = try TestHost()
    let owner = Arrival(origin: .control(user: 1000))
    #expect(try await host.ask(.get, "/control/status", from: owner).status == 200)
    #expect(try await host.ask(.get, "/control/status", from: Arrival(origin: .inProcess)).status == 200)
    #expect(try await host.ask(.get, "/control/status", key: host.agentKey).status == 404)
  }

  // MARK: Channel and scope

  @Test("from afar, agents and models need the channel: 401 comes first, then 426, then 403")
  func channelRequired() async throws {
    let host = try TestHost()
    let upgrade = """
      {"error":{"code":"secure_channel_required","message":"This peer requires end-to-end encryption for agent \
      requests. Upgrade Osaurus to a version that supports the secure channel.","type":"upgrade_required"}}
      """
    for path in ["/agents/first/run", "/v1/agents/first/run", "/agents/second/run", "/chat/completions"] {
      #expect(try await host.ask(.post, path).status == 401)
      let answer = try await host.ask(.post, path, key: host.agentKey)
      #expect(answer.status == 426)
      #expect(answer.body == upgrade)
    }
    let loopback = Arrival(
      origin: .loopback(SourceAddress(literal: "127.0.0.1")!), localAddress: TestHost.network.localAddress)
    #expect(try await host.ask(.post, "/agents/first/run", key: host.agentKey, from: loopback).status == 200)
    let open = try TestHost(allowsPlaintextClients: true)
    #expect(try await open.ask(.post, "/chat/completions", key: open.masterKey).status == 200)
    #expect(try await open.ask(.post, "/agents/first/run", key: open.masterKey).status == 426)
  }

  @Test("an agent's key opens that agent and the names of models, and nothing else")
  func agentScope() async throws {
    let host = try TestHost()
    let sealed = Arrival(
      origin: .network(TestHost.elsewhere), transport: .secureChannel(agent: host.agent.address))
    let denied = """
      {"error":"agent_scope_denied","message":"This access key is not scoped to the requested agent."}
      """
    func status(_ method: HTTPRequest.Method, _ path: String) async throws -> Int {
      let answer = try await host.ask(method, path, key: host.agentKey, from: sealed)
      if answer.status == 403 { #expect(answer.body == denied) }
      return answer.status
    }
    #expect(try await status(.get, "/models") == 200)
    #expect(try await status(.get, "/agents") == 200)
    #expect(try await status(.get, "/agents/first") == 200)
    #expect(try await status(.post, "/agents/first/run") == 200)
    #expect(try await status(.get, "/agents/second") == 403)
    #expect(try await status(.post, "/agents/second/run") == 403)
    #expect(try await status(.get, "/agents/none") == 403)
    #expect(try await status(.post, "/chat/completions") == 403)
    #expect(try await status(.post, "/stream") == 403)
    #expect(try await status(.get, "/control/status") == 404)
    let scopes = host.probes.contexts.withLock { $0.map(\.caller.agentScope) }
    #expect(scopes.allSatisfy { $0 == host.agent.address })
  }

  @Test("handlers see the path's names, and no word of a relay that came from outside")
  func whatHandlersSee() async throws {
    let host = try TestHost()
    let headers: HTTPFields = [.relayOrigin: "1", .userAgent: "test"]
    _ = try await host.ask(.get, "/v1/agents/second?x=y", key: host.masterKey, headers: headers)
    let request = try #require(host.probes.requests.withLock { $0.first })
    #expect(request.head.headerFields[.relayOrigin] == nil)
    #expect(request.head.headerFields[.userAgent] == "test")
    #expect(host.probes.contexts.withLock { $0.first?.parameters.get("id") } == "second")
  }

  // MARK: HEAD, OPTIONS and errors

  @Test("HEAD is answered 204 once the key is good, and OPTIONS before it is looked at")
  func headAndOptions() async throws {
    let host = try TestHost()
    #expect(try await host.ask(.head, "/health").status == 204)
    #expect(try await host.ask(.head, "/models").status == 401)
    #expect(try await host.ask(.head, "/models", key: host.masterKey).status == 204)
    #expect(try await host.ask(.head, "/nothing", key: host.agentKey).status == 204)
    let preflight = try await host.ask(.options, "/models")
    #expect(preflight.status == 204)
    #expect(preflight.headers[.accessControlAllowOrigin] == nil)
  }

  @Test("a page of an allowed origin may preflight and read; another is refused everywhere")
  func origins() async throws {
    let host = try TestHost(allowedOrigins: ["https://ours.example"])
    let ours: HTTPFields = [
      .origin: "https://ours.example", .accessControlRequestMethod: "PUT",
      .accessControlRequestHeaders: "X-One, X-Two",
    ]
    let answer = try await host.ask(.options, "/models", headers: ours)
    #expect(answer.status == 204)
    #expect(answer.headers[.accessControlAllowOrigin] == "https://ours.example")
    #expect(answer.headers[.vary] == "Origin")
    #expect(answer.headers[.accessControlAllowMethods] == "PUT")
    #expect(answer.headers[.accessControlAllowHeaders] == "X-One, X-Two")
    #expect(answer.headers[.accessControlMaxAge] == "600")
    for path in ["/", "/health", "/models", "/secure/session"] {
      for origin in ["https://theirs.example", "null", "https://ours.example.theirs.example"] {
        for method in [HTTPRequest.Method.get, .post, .options] {
          #expect(try await host.ask(method, path, headers: [.origin: origin]).status == 403)
        }
      }
    }
    let open = try TestHost(allowedOrigins: ["*"])
    let any = try await open.ask(.options, "/", headers: [.origin: "https://theirs.example"])
    #expect(any.headers[.accessControlAllowOrigin] == "*")
  }

  @Test("a failure inside a route says nothing about the inside")
  func brokenRoute() async throws {
    let host = try TestHost()
    let answer = try await host.ask(.get, "/broken", key: host.masterKey)
    #expect(answer.status == 500)
    #expect(answer.body == #"{"error":{"message":"Internal server error","type":"internal_error"}}"#)
  }

  // MARK: Limits

  @Test(
    "JSON may nest 256 deep and no deeper, on every route",
    arguments: ["/chat/completions", "/secure/session", "/secure/call"])
  func nesting(path: String) async throws {
    let host = try TestHost()
    let loopback = Arrival(origin: .control(user: 1000))
    func ask(_ depth: Int) async throws -> TestHost.Answer {
      let body = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      return try await host.ask(.post, path, body: body, from: loopback)
    }
    let refusal = try await ask(257)
    #expect(refusal.status == 400)
    #expect(refusal.body.contains("JSON nests deeper"))
    #expect(try await !ask(256).body.contains("JSON nests deeper"))
  }

  @Test("bodies are capped by their route")
  func bodyCaps() async throws {
    var limits = HostLimits()
    limits.bodyBytes = 100_000
    let host = try TestHost(limits: limits)
    let text = String(repeating: "a", count: 65_537)
    for path in ["/secure/session", "/v1/secure/session", "/pair", "/pair-invite", "/pair/challenge"] {
      let answer = try await host.ask(.post, path, body: text)
      #expect(answer.status == 413)
      #expect(
        answer.body == """
          {"error":{"message":"Request body too large (65537 > 65536 bytes)","type":"payload_too_large"}}
          """)
    }
    #expect(try await host.ask(.post, "/chat/completions", body: text).status == 401)
  }
}
