import AsyncHTTPClient
import Connector
import Foundation
import HTTPTypes
import Identity
import NIOCore
import NIOHTTP1
import Pairing
import Relay
import Stores
import Testing

@testable import Host

/// Agents that are reached from afar: a real relay, a real host, a real connector, and the sockets between them.
@Suite("A host behind a relay", .serialized, .timeLimit(.minutes(10)))
struct RelayedHostTests {
  private func plain(_ method: HTTPMethodName, _ url: String, headers: [(String, String)] = []) async throws
    -> (
      status: Int, body: String, headers: [String: String]
    )
  {
    var request = HTTPClientRequest(url: url)
    request.method = .RAW(value: method.rawValue)
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    let body = try await response.body.collect(upTo: 1 << 20)
    var fields: [String: String] = [:]
    for (name, value) in response.headers { fields[name.lowercased()] = value }
    return (Int(response.status.code), String(buffer: body), fields)
  }

  enum HTTPMethodName: String {
    case get = "GET"
    case post = "POST"
  }

  @Test("an agent that is up is reached at its public URL, which is proven to lead to this host")
  func reached() async throws {
    try await RelayLab.run { lab in
      let agent = try await lab.host.agent("Ada")
      let address = try #require(agent.address)
      let key = try await lab.host.key(for: "Ada").text
      let url = try #require(try await lab.up(["Ada"])["Ada"])
      #expect(Peer.isRelayed(url, to: address))
      #expect(try await plain(.get, url + "/health").status == 200)
      for path in [
        "/", "/models", "/v1/models", "/agents", "/control/status", "/agents/\(address.checksummed)",
      ] {
        let answer = try await plain(.get, url + path, headers: [("Authorization", "Bearer \(key)")])
        #expect(answer.status == 404, "\(path)")
      }
      try await lab.withPeer(address, key: key, url: url) { client in
        let stream = try await client.stream(
          "POST", "/agents/\(address.checksummed)/run", body: RelayLab.chat("say one two three"))
        var text = ""
        for try await piece in stream { text += String(decoding: piece, as: UTF8.self) }
        #expect(StreamedAnswer(text).text == "one two three ")
        #expect(text.hasSuffix("data: [DONE]\n\n"))
        #expect(try await client.send("GET", "/agents/\(address.checksummed)", body: nil).status == 200)
      }
      let status = try await lab.host.ask("GET", "/control/status")
      let relay = try #require(status.json["relay"] as? [String: Any])
      #expect(relay["connection"] as? String == "open")
    }
  }

  @Test("agents come and go while the tunnel is open, and what is not up does not exist there")
  func agentsComeAndGo() async throws {
    try await RelayLab.run { lab in
      let (ada, bob) = (try await lab.host.agent("Ada"), try await lab.host.agent("Bob"))
      let key = try await lab.host.key().text
      let url = try #require(try await lab.up(["Ada"])["Ada"])
      let bobsURL = url.replacing(ada.address!.lowercased, with: bob.address!.lowercased)
      #expect(try await plain(.get, bobsURL + "/health").status == 502)
      // By Ada's name Bob is not there either.
      try await lab.withPeer(bob.address!, key: key, url: url) { client in
        await #expect(throws: ConnectorError.noSuchAgent(bob.address!)) { try await client.handshake() }
      }
      let urls = try await lab.up(["Bob"])
      #expect(urls["Bob"] == bobsURL && urls["Ada"] == url)
      #expect(try await plain(.get, bobsURL + "/health").status == 200)

      _ = try await lab.host.ask("POST", "/control/relay/down", #"{"agents":["Ada"]}"#)
      try await lab.settled { $0.agents.map(\.name) == ["Bob"] }
      #expect(try await plain(.get, url + "/health").status == 502)
      #expect(try await plain(.get, bobsURL + "/health").status == 200)

      // An agent that is hidden from other machines is hidden there; one with a new address is reached at that.
      _ = try await lab.host.ask("PATCH", "/control/agents/Bob", #"{"exposed":false}"#)
      try await lab.settled { $0.agents.first?.state == "hidden" && $0.connection == "off" }
      _ = try await lab.host.ask("PATCH", "/control/agents/Bob", #"{"exposed":true}"#)
      _ = try await lab.host.ask("POST", "/control/agents/Bob/rotate")
      let rotated = try await lab.settled { $0.agents.first?.state == "up" }
      #expect(rotated.agents.first?.url != bobsURL)
      #expect(try await plain(.get, bobsURL + "/health").status == 502)
    }
  }

  @Test("a relay that went away is found again by itself, and so are all agents")
  func relayComesBack() async throws {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    try await WholeHost.serve { host, doors in
      _ = try await host.agent("Ada")
      _ = try await host.agent("Bob")
      try await RelayLab.withRelay { relay, first in
        port.yield(first)
        let lab = RelayLab(host: host, doors: doors, relay: relay, relayURL: "ws://127.0.0.1:\(first)")
        let up = try await lab.up()
        #expect(up.count == 2)
      }
      var iterator = ports.makeAsyncIterator()
      let first = await iterator.next() ?? 0
      try await RelayLab.withRelay(port: first) { relay, _ in
        let lab = RelayLab(host: host, doors: doors, relay: relay, relayURL: "ws://127.0.0.1:\(first)")
        let back = try await lab.settled { relay in
          relay.agents.count == 2 && relay.agents.allSatisfy { $0.state == "up" }
        }
        #expect(back.connection == "open")
      }
    }
  }

  @Test("an agent that another tunnel holds is told to the owner with the reason")
  func rejected() async throws {
    try await RelayLab.run { lab in
      let agent = try await lab.host.agent("Ada")
      let key = try #require(lab.host.services.access.signingKey(forRelay: agent.address!))
      let other = TunnelClient(
        .init(relay: try RelayURL(lab.relayURL)), clock: ContinuousClock(),
        unixTime: { Int64(Date().timeIntervalSince1970) }, handler: Nobody(), key: { _ in key },
        check: { _, _ in nil })
      let running = Task { await other.run() }
      await other.expose([agent.address!])
      for await status in await other.changes() where status.url(of: agent.address!) != nil { break }
      _ = try await lab.host.ask("POST", "/control/relay/up", #"{"url":"\#(lab.relayURL)"}"#)
      let relay = try await lab.settled { $0.agents.first?.state == "rejected" }
      #expect(relay.agents.first?.reason?.contains("already_registered") == true)
      #expect(relay.connection == "open")
      running.cancel()
      await running.value
    }
  }

  private struct Nobody: TunnelResponder {
    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {}
  }

  @Test("when the caller leaves, the host stops, and a slow reader does not make the host run ahead")
  func cancelled() async throws {
    try await RelayLab.run { lab in
      let address = try #require(try await lab.host.agent("Ada").address)
      let key = try await lab.host.key(for: "Ada").text
      let url = try #require(try await lab.up()["Ada"])
      try await lab.withPeer(address, key: key, url: url) { client in
        let stream = try await client.stream(
          "POST", "/agents/\(address.checksummed)/run", body: RelayLab.chat("drone"))
        var iterator = stream.makeAsyncIterator()
        _ = try await iterator.next()
        try await lab.host.model.droneStarted.value()
      }
      try await lab.host.model.droneStopped.value()
    }
  }

  @Test("what is chosen outlives the service, and is chosen only by the owner")
  func persists() async throws {
    try await WholeHost.run { host in
      _ = try await host.agent("Ada")
      let before = try await host.ask("GET", "/control/relay")
      #expect(before.json["connection"] as? String == "off")
      #expect((before.json["agents"] as? [Any])?.isEmpty == true)
      for (body, status) in [
        (#"{"url":"ws://relay.example"}"#, 400), (#"{"url":"ftp://x"}"#, 400), ("[]", 400),
        (#"{"agents":["Nobody"]}"#, 404),
      ] {
        #expect(try await host.ask("POST", "/control/relay/up", body).status == status, "\(body)")
      }
      #expect(try await host.services.relay.chosen().relay == nil)
      let up = try await host.ask(
        "POST", "/control/relay/up", #"{"url":"ws://relay.example","insecure":true,"agents":["Ada"]}"#)
      #expect(up.status == 200)
      #expect(up.json["relay"] as? String == "ws://relay.example")
      let (relay, agents) = try await RelayStore(host.services.databases.host).chosen()
      #expect(relay == RelayChoice(url: "ws://relay.example", allowsPlaintext: true))
      #expect(agents.map(\.name) == ["Ada"])
      let elsewhere = try await host.fromElsewhere(.post, "/control/relay/up", key: host.key().text, "{}")
      #expect(elsewhere.status == 404)
      _ = try await host.ask("PATCH", "/control/agents/Ada", #"{"exposed":false}"#)
      #expect(try await host.ask("POST", "/control/relay/up", #"{"agents":["Ada"]}"#).status == 409)
      _ = try await host.ask("POST", "/control/relay/down", "{}")
      #expect(try await host.services.relay.chosen().agents.isEmpty)
      #expect(try await host.services.relay.chosen().relay != nil)
    }
  }

  @Test("an invite leads through the relay, and turns into a sealed key there")
  func invite() async throws {
    try await RelayLab.run { lab in
      let address = try #require(try await lab.host.agent("Ada").address)
      #expect(
        try await lab.host.ask("POST", "/control/invites", #"{"agent":"Ada","relay":true}"#).status == 409)
      let url = try #require(try await lab.up()["Ada"])
      let made = try await lab.host.ask("POST", "/control/invites", #"{"agent":"Ada","relay":true}"#)
      #expect(made.json["url"] as? String == url)
      #expect(made.json["note"] == nil)
      let invite = try Invite(link: try #require(made.json["link"] as? String))
        .verified(now: Int64(Date().timeIntervalSince1970))
      let peer = try Peer(name: "home", url: url, address: address)
      let http = HTTPClient.forPeers()
      let key = try await InviteRedeemer(client: http).redeem(invite, at: peer)
      let client = PeerClient(peer: peer, key: key, client: http)
      #expect(try await client.send("GET", "/agents/\(address.checksummed)", body: nil).status == 200)
      await #expect(throws: ConnectorError.inviteUsed) {
        _ = try await InviteRedeemer(client: http).redeem(invite, at: peer)
      }
      try await http.shutdown()
      let used = try await lab.host.services.invites.list().first
      #expect(used?.redeemedFrom == "127.0.0.1 (relay)")
    }
  }

  @Test(
    "a peer is asked on its network while it is there, through the relay when it is not, and there again later"
  )
  func twoPlaces() async throws {
    try await RelayLab.run { lab in
      let address = try #require(try await lab.host.agent("Ada").address)
      let key = try await lab.host.key(for: "Ada").text
      let url = try #require(try await lab.up()["Ada"])
      let path = "/agents/\(address.checksummed)"
      let here = "http://127.0.0.1:\(lab.doors.port)"
      try await lab.withPeer(address, key: key, url: here, relayURL: url) { client in
        let answer = try await client.send("GET", path, body: nil)
        #expect(answer.status == 200)
        #expect(await client.base == here)
      }
      // Nobody listens there.
      try await lab.withPeer(address, key: key, url: "http://127.0.0.1:1", relayURL: url) { client in
        let answer = try await client.send("GET", path, body: nil)
        #expect(answer.status == 200)
        #expect(await client.base == url)
      }
    }
  }
}
