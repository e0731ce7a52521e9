import Identity
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Relay

/// What a relay takes from whom, and not more.
@Suite("Limits of a relay", .timeLimit(.minutes(2)))
struct LimitTests {
  private static let ada = TestKey.make(1)
  private static let name = RelayLab.name(of: ada.address)

  @Test("sockets of tunnels are counted before they have proved anything")
  func unprovenSockets() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.tunnelsPerSource = 3 }) { lab in
      var hosts: [TestHost] = []
      for _ in 0..<3 { hosts.append(try await TestHost.connect(lab)) }
      await #expect(throws: TestHost.Refused(status: 429, body: #"{"error":"too_many_connections"}"#)) {
        try await TestHost.connect(lab)
      }
      await hosts[0].close()
      try await eventually { lab.board.tunnels.total == 2 }
      _ = try await TestHost.connect(lab)
    }
  }

  @Test("so many tunnels a minute may be opened from one network, and not more")
  func connects() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.connectsPerMinute = 2 }) { lab in
      for _ in 0..<2 { await (try await TestHost.connect(lab)).close() }
      await #expect(throws: TestHost.Refused(status: 429, body: #"{"error":"rate_limited"}"#)) {
        try await TestHost.connect(lab)
      }
    }
  }

  @Test("callers behind a trusted proxy are counted as themselves, and nobody can claim to be behind one")
  func proxies() async throws {
    let limited = RelayLab.settings { $0.limits.connectsPerMinute = 1 }
    var behind = limited
    behind.trustedProxies = AddressRange.loopback
    try await RelayLab.run(behind) { lab in
      for address in ["1.2.3.4", "9.9.9.9, 1.2.3.5", "[2001:db8::1]:443", "2001:db8:0:1::1"] {
        _ = try await TestHost.connect(lab, headers: ["X-Forwarded-For": address])
      }
      for address in ["9.9.9.8, 1.2.3.4", "2001:db8::2"] {
        await #expect(throws: TestHost.Refused(status: 429, body: #"{"error":"rate_limited"}"#)) {
          try await TestHost.connect(lab, headers: ["X-Forwarded-For": address])
        }
      }
    }
    try await RelayLab.run(limited) { lab in
      _ = try await TestHost.connect(lab, headers: ["X-Forwarded-For": "1.2.3.4"])
      await #expect(throws: TestHost.Refused.self) {
        try await TestHost.connect(lab, headers: ["X-Forwarded-For": "1.2.3.5"])
      }
    }
  }

  @Test("the host is told the address that the trusted proxy saw, not what the caller says")
  func forwardedAddress() async throws {
    try await RelayLab.run(RelayLab.settings { $0.trustedProxies = AddressRange.loopback }) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      async let answer = Caller.ask(lab, host: Self.name, headers: ["X-Forwarded-For": "6.6.6.6, 1.2.3.4"])
      let request = try await host.request()
      #expect(request.headers["x-forwarded-for"] == "1.2.3.4")
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      _ = try await answer
    }
  }

  @Test("one agent is asked so often a minute, whoever asks, and others are not held back by it")
  func requests() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.requestsPerMinute = 4 }) { lab in
      let bob = TestKey.make(2)
      var host = try await TestHost.authenticated(lab, [Self.ada, bob])
      for name in [Self.name, Self.name, RelayLab.name(of: bob.address)] {
        async let answer = Caller.ask(lab, host: name)
        let request = try await host.request()
        try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
        #expect(try await answer.status == 200)
      }
      let refused = try await Caller.ask(lab, host: Self.name)
      #expect(refused.status == 429 && refused.text == #"{"error":"rate_limited"}"#)
      // Half is for other networks, whatever this one does.
      for _ in 0..<2 {
        var caller = try await Caller.connect(lab, from: "127.0.0.2")
        try await caller.send(host: Self.name)
        let request = try await host.request()
        try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
        #expect(try await caller.answer().status == 200)
        await caller.close()
      }
      var caller = try await Caller.connect(lab, from: "127.0.0.3")
      try await caller.send(host: Self.name)
      #expect(try await caller.answer().status == 429)
      await caller.close()
    }
  }

  @Test("one network that asks an agent on and on has all that others leave, and leaves them half at a time")
  func shares() throws {
    let relay = VirtualRelay(
      RelayLab.settings { settings in
        settings.limits.requestsPerMinute = 100
        settings.limits.pingInterval = .seconds(3600)
      })
    let host = try relay.tunnel([Self.ada], features: [])
    _ = try host.frames()
    func allowed(_ source: String) throws -> Bool {
      let way = relay.board.directory.way(
        to: Self.ada.address, from: try #require(NetworkAddress(source)), now: relay.loop.now)
      if case .tunnel = way { return true }
      return false
    }
    for source in ["192.0.2.7", "2001:db8::1"] {
      let count = try (0..<100).count { _ in try allowed(source) }
      #expect(count == 50)
    }
    #expect(try !allowed("192.0.2.8"))
    var counts = (loud: 0, quiet: 0)
    for _ in 0..<600 {
      relay.pass(.seconds(1))
      for _ in 0..<20 { if try allowed("192.0.2.7") { counts.loud += 1 } }
      if try allowed("192.0.2.8") { counts.quiet += 1 }
    }
    // In ten minutes there are 1000, of which a quiet network has its half, or what it wants of that.
    #expect(counts.quiet >= 400 && counts.loud + counts.quiet >= 900, "\(counts)")
    for number in 0..<600 { _ = try allowed("10.0.\(number / 250).\(number % 250)") }
  }

  @Test("one tunnel answers so many requests at a time")
  func requestsAtATime() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.requestsPerTunnel = 1 }) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      async let answer = Caller.ask(lab, host: Self.name)
      let request = try await host.request()
      let refused = try await Caller.ask(lab, host: Self.name)
      #expect(refused.status == 503 && refused.text == #"{"error":"tunnel_busy"}"#)
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await answer.status == 200)
    }
  }

  @Test("the statistics are read so often a minute")
  func stats() async throws {
    try await RelayLab.run { lab in
      var statuses: [Int] = []
      for _ in 0..<11 { statuses.append(try await Caller.ask(lab, .GET, "/stats").status) }
      #expect(statuses == Array(repeating: 200, count: 10) + [429])
      #expect(try await Caller.ask(lab, .GET, "/health").status == 200)
    }
  }

  @Test("a body that is too long is refused, announced or not, and no byte of it is held")
  func bodies() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.bodyBytes = 1000 }) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let announced = try await Caller.ask(
        lab, .POST, "/", host: Self.name, body: ByteBuffer(repeating: 65, count: 1001))
      #expect(announced.status == 413 && announced.text == #"{"error":"body_too_large"}"#)
      #expect(announced.headers.first(name: "connection") == "close")
      var raw = try await RawCaller.connect(lab)
      let piece = "1f4\r\n" + String(repeating: "x", count: 500) + "\r\n"
      try await raw.send(
        "POST / HTTP/1.1\r\nhost: \(Self.name)\r\ntransfer-encoding: chunked\r\n\r\n" + piece + piece + piece)
      #expect(await raw.read(until: "body_too_large").hasPrefix("HTTP/1.1 413 "))
      #expect(lab.board.budget.used == 0)
      async let answer = Caller.ask(
        lab, .POST, "/", host: Self.name, body: ByteBuffer(repeating: 65, count: 1000))
      let request = try await host.request()
      #expect(request.body.readableBytes == 1000)
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await answer.status == 200)
    }
  }

  @Test("bodies of all callers together are bounded")
  func heldBytes() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.heldBytes = 1000 }) { lab in
      let host = try await TestHost.authenticated(lab, [Self.ada])
      let raw = try await RawCaller.connect(lab)
      try await raw.send(
        "POST / HTTP/1.1\r\nhost: \(Self.name)\r\ncontent-length: 900\r\n\r\n"
          + String(repeating: "x", count: 800))
      try await eventually { lab.board.budget.used == 800 }
      let refused = try await Caller.ask(
        lab, .POST, "/", host: Self.name, body: ByteBuffer(repeating: 65, count: 300))
      #expect(refused.status == 503 && refused.text == #"{"error":"relay_overloaded"}"#)
      try? await raw.channel.close()
      try await eventually { lab.board.budget.used == 0 }
      await host.close()
    }
  }

  @Test("an answer that is too long ends the tunnel that it came by, and its caller has an error")
  func longAnswers() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.bodyBytes = 100_000 }) { lab in
      for count in [100_001, 10_000_000] {
        var host = try await TestHost.authenticated(lab, [Self.ada])
        async let answer = Caller.ask(lab, host: Self.name)
        let request = try await host.request()
        try? await host.say(
          .answer(RelayAnswer(id: request.id, status: 200, body: ByteBuffer(repeating: 65, count: count))))
        #expect(try await answer.text == #"{"error":"tunnel_closed"}"#)
        await host.close()
        try await eventually { lab.board.tunnels.total == 0 && lab.board.budget.used == 0 }
      }
    }
  }

  @Test(
    "what does not come in time is given up",
    arguments: ["", "GET", "GET / HTTP/1.1\r\nhost: x\r\n"])
  func slowHeads(start: String) async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.headTimeout = .milliseconds(100) }) { lab in
      var raw = try await RawCaller.connect(lab)
      if !start.isEmpty { try await raw.send(start) }
      #expect(await raw.rest().text.hasPrefix("HTTP/1.1 408 "))
    }
  }

  @Test("a body that comes too slowly is cut")
  func slowBodies() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.bodyTimeout = .milliseconds(200) }) { lab in
      _ = try await TestHost.authenticated(lab, [Self.ada])
      var raw = try await RawCaller.connect(lab)
      try await raw.send("POST / HTTP/1.1\r\nhost: \(Self.name)\r\ncontent-length: 100\r\n\r\nabc")
      #expect(await raw.rest().text.hasPrefix("HTTP/1.1 408 "))
    }
  }

  @Test("a connection without a request is closed, and so is one too many")
  func idleConnections() async throws {
    let settings = RelayLab.settings { settings in
      settings.limits.idleTimeout = .milliseconds(100)
      settings.limits.connectionsPerSource = 1
    }
    try await RelayLab.run(settings) { lab in
      var raw = try await RawCaller.connect(lab)
      try await raw.send("GET /health HTTP/1.1\r\nhost: relay.test\r\n\r\n")
      #expect(await raw.read(until: "}").hasPrefix("HTTP/1.1 200 OK"))
      #expect(await raw.rest() == ("", false))
    }
    try await RelayLab.run(RelayLab.settings { $0.limits.connectionsPerSource = 1 }) { lab in
      let first = try await RawCaller.connect(lab)
      try await eventually { lab.board.connections.total == 1 }
      var second = try await RawCaller.connect(lab)
      #expect(await second.rest().text.isEmpty)
      try await first.channel.close()
    }
  }

  @Test(
    "what is no request of HTTP is refused",
    arguments: [
      "x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
      "GET http://relay.test/ HTTP/1.1\r\nhost: relay.test\r\n\r\n",
      "POST / HTTP/1.1\r\nhost: relay.test\r\ncontent-length: x\r\n\r\n",
      "POST / HTTP/1.1\r\nhost: relay.test\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    ])
  func malformed(text: String) async throws {
    try await RelayLab.run { lab in
      var raw = try await RawCaller.connect(lab)
      try await raw.send(text)
      #expect(await raw.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
      try? await raw.channel.close()
    }
  }

  @Test("headers are bounded in number and length")
  func longHeads() async throws {
    try await RelayLab.run { lab in
      for headers in [
        "x: " + String(repeating: "y", count: 70_000) + "\r\n",
        (0..<300).map { "x\($0): y\r\n" }.joined(),
      ] {
        var raw = try await RawCaller.connect(lab)
        try await raw.send("GET /health HTTP/1.1\r\nhost: relay.test\r\n\(headers)\r\n")
        #expect(await raw.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 431 "))
        try? await raw.channel.close()
      }
    }
  }

  @Test("networks are counted by their /64, and remembered up to a number")
  func networks() throws {
    let limiter = SourceLimiter(perMinute: 1, capacity: 8)
    let now = NIODeadline.now()
    #expect(limiter.allows(try #require(NetworkAddress("2001:db8::1")), now: now))
    #expect(!limiter.allows(try #require(NetworkAddress("2001:db8::2")), now: now))
    #expect(limiter.allows(try #require(NetworkAddress("2001:db8:0:1::1")), now: now))
    #expect(limiter.allows(try #require(NetworkAddress("2001:db8::1")), now: now + .seconds(61)))
    for number in 0..<100 { _ = limiter.allows(try #require(NetworkAddress("10.0.0.\(number)")), now: now) }
    #expect(limiter.count <= 8)
    #expect(NetworkAddress("::ffff:10.0.0.1") == NetworkAddress("10.0.0.1"))
  }

  @Test("ranges hold what begins as they do")
  func ranges() throws {
    let range = try #require(AddressRange("10.128.0.0/9"))
    #expect(range.contains(try #require(NetworkAddress("10.129.1.1"))))
    #expect(!range.contains(try #require(NetworkAddress("10.1.1.1"))))
    #expect(!range.contains(try #require(NetworkAddress("::1"))))
    for text in ["", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::1/129", "10.0.0/8"] {
      #expect(AddressRange(text) == nil)
    }
  }
}
