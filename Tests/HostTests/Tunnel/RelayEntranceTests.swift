import Foundation
import HTTPTypes
import Hummingbird
import Identity
import NIOCore
import Relay
import SecureChannel
import Synchronization
import Testing

@testable import Host

/// What becomes of a relay's requests within the host.
@Suite("The way in for what comes through a relay", .timeLimit(.minutes(10)))
struct RelayEntranceTests {
  private func tunnel(
    _ host: TestHost, features: TunnelFeatures = [.base64, .cancel]
  ) -> MemoryTunnel {
    MemoryTunnel(to: host.door, agent: host.agent.address, features: features)
  }

  @Test(
    "a request reaches the routes with its path as it is, and the answer goes back with what keeps it safe")
  func answers() async throws {
    let host = try TestHost()
    let answer = try await tunnel(host).ask("GET", "/health?a=%2f..%2f&b=@x")
    #expect(answer.status == 200)
    #expect(answer.text == "GET /health?a=%2f..%2f&b=@x ")
    #expect(answer.headers["x-content-type-options"] == "nosniff")
    #expect(answer.headers["cache-control"] == "no-store")
    #expect(answer.headers["content-length"] == nil)
    let context = try #require(host.probes.contexts.withLock { $0.first })
    #expect(
      context.caller.origin
        == .relay(SourceAddress(reported: "198.51.100.7"), agent: host.agent.address))
  }

  @Test(
    "a path that could name another host is none, and nothing is asked",
    arguments: [
      "@evil/", "http://evil/", "evil", "", "/a b", "/a\u{0}", "/\u{e4}", "/a#b", "\\\\evil", "/a\r\nX: y",
    ])
  func paths(path: String) async throws {
    let host = try TestHost()
    let answer = try await tunnel(host).ask("GET", path)
    #expect(answer.status == 502)
    #expect(answer.text == #"{"error":"invalid_path"}"#)
    #expect(host.probes.requests.withLock { $0.isEmpty })
  }

  @Test("what says how a request was carried is the relay's word and reaches nobody")
  func markers() async throws {
    let host = try TestHost()
    let headers: RelayHeaders = [
      "x-osaurus-relay-origin": "0", "x-osaurus-agent-id": "1", "x-forwarded-host": "evil",
      "host": "localhost",
      "x-real-ip": "127.0.0.1", "cookie": "a=b", "connection": "upgrade", "transfer-encoding": "chunked",
      "authorization": "Bearer \(host.masterKey)", "x-session-id": "kept",
    ]
    #expect(try await tunnel(host).ask("GET", "/health", headers: headers).status == 200)
    let request = try #require(host.probes.requests.withLock { $0.first })
    #expect(request.headers.map(\.name.canonicalName).sorted() == ["x-session-id"])
    #expect(request.head.authority == host.agent.address.lowercased)
  }

  @Test("an inner request cannot say of itself that it comes from elsewhere")
  func innerMarkers() async throws {
    let host = try TestHost()
    let tunnel = tunnel(host)
    let session = try await tunnel.session()
    let (call, _) = session.seal(
      InnerRequest(
        method: "GET", path: "/models", authorization: "Bearer \(host.masterKey)",
        headers: ["X-Osaurus-Relay-Origin": "0", "X-Kept": "1"], body: nil))
    #expect(try await tunnel.ask("POST", "/secure/call", call).status == 200)
    let request = try #require(host.probes.requests.withLock { $0.first })
    #expect(request.headers[.relayOrigin] == nil)
    #expect(request.headers[HTTPField.Name("X-Kept")!] == "1")
    let context = try #require(host.probes.contexts.withLock { $0.first })
    #expect(context.caller.origin.isRelayed)
    #expect(context.caller.transport == .secureChannel(agent: host.agent.address))
  }

  @Test("a stream is passed on piece by piece, and its end is said")
  func streams() async throws {
    let host = try TestHost()
    let tunnel = tunnel(host)
    let session = try await tunnel.session()
    let (call, opener) = session.seal(
      InnerRequest(
        method: "POST", path: "/stream", authorization: "Bearer \(host.masterKey)",
        accept: "text/event-stream", body: []))
    let frames = try await tunnel.frames(
      tunnel.request("POST", "/secure/call", call, headers: ["accept": "text/event-stream"]))
    #expect(frames.count >= 5)
    #expect(frames.last == .streamEnd(RequestID("r2")!))
    var (reader, decoder) = (opener, EventStreamDecoder())
    let text = try decoder.feed(MemoryTunnel.answer(frames).body).map { event in
      String(decoding: try event.withUnsafeBytes { try reader.open($0) }, as: UTF8.self)
    }.joined()
    #expect(text == "data: one\n\ndata: two\n\ndata: [DONE]\n\n")
    #expect(reader.isFinished)
  }

  @Test("a stream that dies here is broken off there, and never ends well")
  func dyingStream() async throws {
    let host = try TestHost()
    let tunnel = tunnel(host)
    let session = try await tunnel.session()
    let (call, _) = session.seal(
      InnerRequest(
        method: "POST", path: "/dying-stream", authorization: "Bearer \(host.masterKey)",
        accept: "text/event-stream", body: []))
    let frames = try await tunnel.frames(tunnel.request("POST", "/secure/call", call))
    #expect(frames.last == .cancel(RequestID("r2")!))
    #expect(!frames.contains(.streamEnd(RequestID("r2")!)))
    #expect(!MemoryTunnel.answer(frames).isWhole)
  }

  @Test("when nobody waits for an answer any more, the work on it stops")
  func cancelled() async throws {
    for path in ["/endless", "/silent"] {
      let host = try TestHost()
      let tunnel = tunnel(host)
      let session = try await tunnel.session()
      let (call, _) = session.seal(
        InnerRequest(
          method: "POST", path: path, authorization: "Bearer \(host.masterKey)",
          accept: "text/event-stream", body: []))
      let request = tunnel.request("POST", "/secure/call", call)
      let asking = Task { try await tunnel.frames(request) }
      try await host.probes.started.value()
      asking.cancel()
      try await host.probes.cancelled.value()
      let frames = try await asking.value
      #expect(!frames.contains(.streamEnd(request.id)))
    }
  }

  @Test("a body larger than a route takes is refused, and bodies together take no more room than there is")
  func bodies() async throws {
    var limits = HostLimits()
    limits.handshakeBodyBytes = 1000
    let host = try TestHost(limits: limits)
    let tunnel = tunnel(host)
    #expect(
      try await tunnel.ask("POST", "/secure/session", [UInt8](repeating: 32, count: 1001)).status == 413)
    let small = RelayEntrance(door: host.door, held: HeldBytes(limit: 100), probes: RouteProbes())
    let sent = Mutex<[HostFrame]>([])
    let request = tunnel.request("POST", "/secure/call", [UInt8](repeating: 32, count: 51))
    let answer = TunnelAnswer(to: request.id, features: []) { frame in sent.withLock { $0.append(frame) } }
    await small.answer(request, to: tunnel.agent, with: answer)
    let overloaded = MemoryTunnel.answer(sent.withLock { $0 })
    #expect(overloaded.status == 503)
    #expect(overloaded.text == #"{"error":"server_overloaded"}"#)
  }

  @Test("deep JSON and too many headers are refused as everywhere")
  func limits() async throws {
    let host = try TestHost()
    let tunnel = tunnel(host)
    let deep = Array(String(repeating: "[", count: 300).utf8)
    #expect(try await tunnel.ask("POST", "/secure/session", deep).status == 400)
    var headers = RelayHeaders()
    for number in 0..<190 { headers.add("x-\(number)", "a") }
    #expect(try await tunnel.ask("GET", "/health", headers: headers).status == 200)
    var fewer = HostLimits()
    fewer.headerFields = 10
    let strict = try TestHost(limits: fewer)
    #expect(try await self.tunnel(strict).ask("GET", "/health", headers: headers).status == 431)
  }

  @Test("HEAD and preflight requests have answers without bodies, in one frame each")
  func withoutBodies() async throws {
    let host = try TestHost()
    for method in ["HEAD", "OPTIONS"] {
      let frames = try await tunnel(host).frames(tunnel(host).request(method, "/health"))
      #expect(frames.count == 1)
      let answer = MemoryTunnel.answer(frames)
      #expect(answer.status == 204 && answer.body.isEmpty && answer.isWhole)
    }
  }

  @Test("whether a public URL leads here is proven by what this process alone can answer")
  func probe() async throws {
    let host = try TestHost()
    let tunnel = tunnel(host)
    for path in ["/health", "/health?probe=", "/health?probe=00"] {
      let stranger = try await tunnel.ask("GET", path, headers: ["x-health-proof": "00"])
      #expect(stranger.status == 200)
      #expect(stranger.headers["x-health-proof"] == nil)
    }
  }

  @Test("everything that a relay carries holds neither key, nor prompt, nor answer")
  func blind() async throws {
    let host = try TestHost()
    let tunnel = tunnel(host)
    let session = try await tunnel.session()
    let prompt = "the garden behind the old mill"
    let run = "/agents/first/run"
    let (call, opener) = session.seal(
      InnerRequest(
        method: "POST", path: run, authorization: "Bearer \(host.agentKey)", body: Array(prompt.utf8)))
    let answer = try await tunnel.ask("POST", "/secure/call", call)
    var reader = opener
    let inner = try answer.body.withUnsafeBytes { try reader.openBuffered($0) }
    let text = String(decoding: inner.body ?? [], as: UTF8.self)
    #expect(inner.status == 200 && text.contains(prompt))
    let recorded = Data(tunnel.recorded)
    #expect(recorded.count > 1000)
    let scan = MarkerScan([prompt, host.agentKey, String(host.agentKey.suffix(40)), run, text])
    #expect(scan.found(in: recorded).isEmpty)
    #expect(MarkerScan(["secure/call"]).found(in: recorded) == ["secure/call"])
  }
}
