import Identity
import NIOCore
import NIOHTTP1
import Testing

@testable import Relay

/// Whom a request is for.
@Suite("Names")
struct NamesTests {
  private static let ada = TestKey.make(1)
  private static let lower = ada.address.lowercased

  private func route(_ host: String, _ target: String) -> VisitorRoute {
    var settings = RelayLab.settings()
    settings.names = [RelayName("other.test")!]
    return VisitorRoute(host: [host], target: target, method: "GET", settings: settings)
  }

  @Test("names are read without regard to case, port and a dot at the end")
  func names() {
    let agent = VisitorRoute.agent(Self.ada.address, RelayPath("/x")!)
    #expect(route("relay.test", "/health") == .relay(path: "/health"))
    #expect(route("RELAY.test.:443", "/health?x=1") == .relay(path: "/health"))
    #expect(route("other.test", "/stats") == .relay(path: "/stats"))
    #expect(route("\(Self.lower).relay.test", "/x") == agent)
    #expect(route("\(Self.ada.address.checksummed).Relay.Test:8443", "/x") == agent)
    #expect(route("\(Self.lower).other.test", "/x") == agent)
    #expect(route("relay.test", "/a/\(Self.lower)/x") == agent)
  }

  @Test(
    "everything else is refused",
    arguments: [
      "", "example.test", "127.0.0.1", "x.relay.test", "0x12.relay.test", "\(lower).x.relay.test",
      "x\(lower).relay.test", "\(lower).relay.test:x", "\(lower).relay.test:99999", "relay.test@x",
      "\(lower)relay.test", "[::1", "relay..test",
    ])
  func refused(host: String) {
    #expect(route(host, "/health") == .refused(.invalidSubdomain))
  }

  @Test("a path below the relay that names no agent is refused, and so is a target that is no path")
  func paths() {
    for path in ["/a/", "/a/x", "/a/0x12/x", "/a/\(Self.lower)x"] {
      #expect(route("relay.test", path) == .refused(.invalidSubdomain))
    }
    for target in ["http://relay.test/health", "x", "", "*", "/a b", "@x"] {
      #expect(route("relay.test", target) == .refused(.badRequest))
    }
    #expect(
      VisitorRoute(host: [], target: "/", method: "GET", settings: RelayLab.settings())
        == .refused(.badRequest))
    #expect(
      VisitorRoute(
        host: ["relay.test", "relay.test"], target: "/", method: "GET", settings: RelayLab.settings())
        == .refused(.badRequest))
  }

  @Test("the relay's own pages are its own name's alone: an agent's are the agent's", .timeLimit(.minutes(2)))
  func ownPages() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let name = RelayLab.name(of: Self.ada.address)
      for path in ["/health", "/stats", "/metrics", "/tunnel/connect"] {
        async let answer = Caller.ask(lab, .GET, path, host: name)
        let request = try await host.request()
        #expect(request.path?.text == path)
        try await host.say(
          .answer(RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: "mine"))))
        #expect(try await answer.text == "mine")
      }
      #expect(try await Caller.ask(lab, .GET, "/health").text == #"{"status":"ok","tunnels":1}"#)
      #expect(try await Caller.ask(lab, .GET, "/elsewhere").status == 404)
      let noSocket = try await Caller.ask(lab, .GET, "/tunnel/connect")
      #expect(noSocket.status == 400 && noSocket.text == #"{"error":"websocket_required"}"#)
      let elsewhere = try await Caller.ask(lab, .GET, "/health", host: "example.test")
      #expect(elsewhere.status == 400 && elsewhere.text == #"{"error":"invalid_subdomain"}"#)
    }
  }

  @Test("no tunnel is opened by an agent's name, nor by a foreign one", .timeLimit(.minutes(2)))
  func tunnelsElsewhere() async throws {
    try await RelayLab.run { lab in
      await #expect(throws: TestHost.Refused.self) {
        try await TestHost.connect(lab, name: "example.test")
      }
      await #expect(throws: TestHost.Refused(status: 502, body: #"{"error":"agent_offline"}"#)) {
        try await TestHost.connect(lab, name: RelayLab.name(of: Self.ada.address))
      }
    }
  }

  @Test("the numbers are there for whoever may read them", .timeLimit(.minutes(2)))
  func numbers() async throws {
    try await RelayLab.run { lab in
      _ = try await TestHost.authenticated(lab, [Self.ada, TestKey.make(2)])
      let stats = try await Caller.ask(lab, .GET, "/stats").text
      #expect(stats.contains(#""active_agents":2,"active_tunnels":1"#))
      #expect(stats.contains(#""total_requests_relayed":0,"total_tunnel_connections":1,"uptime_seconds":"#))
      let metrics = try await Caller.ask(lab, .GET, "/metrics")
      #expect(metrics.text.contains("# TYPE osaurus_relay_tunnels gauge\nosaurus_relay_tunnels 1\n"))
      #expect(metrics.text.contains("osaurus_relay_tunnel_connections_total 1\n"))
    }
    try await RelayLab.run(RelayLab.settings { $0.metricsReaders = [AddressRange("10.0.0.0/8")!] }) { lab in
      let answer = try await Caller.ask(lab, .GET, "/metrics")
      #expect(answer.status == 404)
    }
    // Behind a proxy that does not say for whom it asks, everybody seems to be of this machine.
    try await RelayLab.run(RelayLab.settings { $0.trustedProxies = AddressRange.loopback }) { lab in
      let answer = try await Caller.ask(lab, .GET, "/metrics")
      #expect(answer.status == 404)
    }
  }
}
