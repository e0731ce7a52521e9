import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Testing

@testable import Host

/// How connections begin, wait and end. Timeouts are short here; nothing sleeps.
@Suite("Connections", .serialized, .timeLimit(.minutes(10)))
struct ConnectionTests {
  private static let get = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
  private static let lastGet = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

  private func post(
    _ path: String, _ host: TestHost, _ more: String = "Content-Length: 0\r\n\r\n"
  ) -> String {
    "POST \(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(host.masterKey)\r\n\(more)"
  }

  // MARK: Keeping on

  @Test("one connection serves many requests, also when they are sent ahead")
  func keepAlive() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      try await RawClient.connect(port: listening.port) { client in
        for _ in 0..<3 {
          try await client.send(Self.get)
          #expect(try await client.read(until: "GET /health ").hasPrefix("HTTP/1.1 200 OK\r\n"))
          client.clear()
        }
        let ahead = Self.get + post("/chat/completions", host, "Content-Length: 3\r\n\r\nabc") + Self.lastGet
        try await client.send(ahead)
        let answers = try await client.rest().components(separatedBy: "HTTP/1.1 200 OK\r\n")
        #expect(answers.count == 4)
        #expect(answers[1].hasSuffix("GET /health "))
        #expect(answers[2].hasSuffix("POST /chat/completions abc"))
        #expect(answers[3].hasSuffix("GET /health "))
      }
    }
  }

  @Test("HTTP/1.0 is answered in its own way")
  func oldVersion() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let answer = try await RawClient.exchange(
        port: listening.port, post("/stream", host).replacing("HTTP/1.1", with: "HTTP/1.0"))
      #expect(answer.hasPrefix("HTTP/1.0 200 OK\r\n"))
      #expect(answer.hasSuffix("\r\n\r\ndata: one\n\ndata: two\n\ndata: [DONE]\n\n"))
    }
  }

  @Test("a request for another protocol is answered as HTTP, and is the last on its connection")
  func upgrades() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let answer = try await RawClient.exchange(
        port: listening.port,
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }

  // MARK: Time

  @Test(
    "a head that does not come to its end is given up",
    arguments: ["", "G", "GET /health HTTP/1.1\r\n", "GET /health HTTP/1.1\r\nHost: localhost\r\nX: "])
  func slowHead(start: String) async throws {
    var limits = HostLimits()
    limits.headTimeout = .milliseconds(50)
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      let answer = try await RawClient.exchange(port: listening.port, start)
      #expect(answer.hasPrefix("HTTP/1.1 408 "))
    }
  }

  @Test(
    "a body that stops coming is given up",
    arguments: ["Content-Length: 100\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"])
  func slowBody(rest: String) async throws {
    var limits = HostLimits()
    limits.bodyTimeout = .milliseconds(50)
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      for path in ["/chat/completions", "/secure/session", "/secure/call"] {
        let head = "POST \(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(host.masterKey)\r\n"
        let answer = try await RawClient.exchange(port: listening.port, head + rest)
        #expect(answer.hasPrefix("HTTP/1.1 408 "))
      }
    }
    #expect(host.probes.requests.withLock { $0.isEmpty })
  }

  @Test("a body that comes byte by byte without end is given up")
  func dribble() async throws {
    var limits = HostLimits()
    limits.bodyTimeout = .milliseconds(300)
    limits.bodyRate = 1 << 40
    limits.lingerTimeout = .milliseconds(500)
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      try await RawClient.connect(port: listening.port) { client in
        try await client.send(
          "POST /secure/call HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n")
        await client.dribble()
        #expect(try await client.rest().hasPrefix("HTTP/1.1 408 "))
      }
    }
  }

  @Test("a connection that asks nothing more is closed without a word")
  func idle() async throws {
    var limits = HostLimits()
    limits.idleTimeout = .milliseconds(50)
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      let answer = try await RawClient.exchange(port: listening.port, Self.get)
      #expect(answer.hasPrefix("HTTP/1.1 200 "))
      #expect(!answer.contains("408"))
    }
  }

  @Test("an answer may take longer than any timeout of reading")
  func longAnswer() async throws {
    var limits = HostLimits()
    limits.headTimeout = .seconds(2)
    limits.bodyTimeout = .seconds(2)
    limits.idleTimeout = .seconds(2)
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      try await RawClient.connect(port: listening.port) { client in
        try await client.send(post("/endless", host))
        let began = ContinuousClock.now
        while ContinuousClock.now < began + .milliseconds(4500) {
          client.clear()
          try #require(try await client.read(until: "more").contains("more"))
        }
      }
    }
  }

  @Test("a body that ends before its announced length is refused")
  func truncatedBody() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let answer = try await RawClient.connect(port: listening.port) { client in
        try await client.send(post("/chat/completions", host, "Content-Length: 100\r\n\r\nhalf"))
        client.closeOutput()
        return try await client.rest()
      }
      #expect(answer.hasPrefix("HTTP/1.1 400 "))
    }
    #expect(host.probes.requests.withLock { $0.isEmpty })
  }

  @Test("a caller that closes its side after asking still gets a quick answer")
  func halfClosed() async throws {
    var limits = HostLimits()
    limits.departureGrace = .seconds(10)
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      let answer = try await RawClient.connect(port: listening.port) { client in
        try await client.send(Self.get)
        client.closeOutput()
        return try await client.rest()
      }
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }

  // MARK: Going away

  @Test(
    "when the caller goes away, the work stops", arguments: ["/endless", "/silent"],
    [true, false])
  func departure(path: String, byHalf: Bool) async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let left = try await RawClient.connect(port: listening.port) { client in
        try await client.send(post(path, host))
        try await host.probes.started.value()
        let left = ContinuousClock.now
        if byHalf {
          client.closeOutput()
          _ = try await client.rest()
        }
        return left
      }
      try await host.probes.cancelled.value()
      #expect(ContinuousClock.now - left < .promptly)
    }
  }

  @Test("a caller that does not read what it is sent is given up")
  func unreadAnswer() async throws {
    var limits = HostLimits()
    limits.writeTimeout = .milliseconds(100)
    let big = ByteBuffer(repeating: 0x61, count: 1 << 20)
    let stopped = Signal<Void>()
    let host = try TestHost(limits: limits) { routes in
      routes.on(.post, "/flood", .catalogue) { _, _ in
        Response(
          status: .ok,
          body: ResponseBody { writer in
            defer { stopped.fulfil(.success(())) }
            for _ in 0..<1000 { try await writer.write(big) }
            try await writer.finish(nil)
          })
      }
    }
    try await host.serve { listening in
      try await RawClient.connect(port: listening.port) { client in
        try await client.send(post("/flood", host))
        try await stopped.value()
      }
    }
  }

  @Test("an answer that fails in the middle is cut, without the end that would make it look whole")
  func cutAnswer() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let answer = try await RawClient.exchange(port: listening.port, post("/dying-stream", host))
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(answer.contains("data: half\n\n"))
      #expect(!answer.contains("\r\n0\r\n"))
    }
  }

  // MARK: How many

  @Test("one source has so many connections, the next is told to come back")
  func connectionLimit() async throws {
    var limits = HostLimits()
    limits.connectionsPerSource = 2
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      try await RawClient.connect(port: listening.port) { first in
        try await first.send(post("/endless", host))
        _ = try await first.read(until: "more")
        try await RawClient.connect(port: listening.port) { second in
          try await second.send(post("/chat/completions", host))
          _ = try await second.read(until: "POST /chat/completions ")
          let third = try await RawClient.exchange(port: listening.port, "")
          #expect(third.hasPrefix("HTTP/1.1 503 "))
        }
      }
      var answer = ""
      while !answer.hasPrefix("HTTP/1.1 200 ") {
        answer = try await RawClient.exchange(port: listening.port, Self.lastGet)
      }
    }
  }

  @Test(
    "in a full house one that has proved nothing and waits gives way to the next; who has proved something stays",
    arguments: [(2, 64), (64, 2)])
  func givingWay(all: Int, forOne: Int) async throws {
    var limits = HostLimits()
    limits.connections = all
    limits.connectionsPerSource = forOne
    let host = try TestHost(limits: limits)
    let reading = "POST /secure/call HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"
    try await host.serve { listening in
      try await RawClient.connect(port: listening.port) { known in
        let ask = post("/chat/completions", host)
        try await known.send(ask)
        _ = try await known.read(until: "POST /chat/completions ")
        // Silent, waiting for more of a head, waiting for more of a body, and idle after an answer.
        for start in ["", "GET /health HTTP/1.1\r\n", reading, Self.get] {
          try await RawClient.connect(port: listening.port) { holder in
            try await holder.send(Self.get)
            _ = try await holder.read(until: "GET /health ")
            holder.clear()
            if !start.isEmpty { try await holder.send(start) }
            if start == Self.get { _ = try await holder.read(until: "GET /health ") }
            // What the holder has sent may be on its way.
            var next = ""
            while !next.hasPrefix("HTTP/1.1 200 ") {
              next = try await RawClient.exchange(port: listening.port, Self.lastGet)
            }
            #expect(try await !holder.rest().contains("408"))
          }
        }
        known.clear()
        try await known.send(ask)
        #expect(try await known.read(until: "POST /chat/completions ").hasPrefix("HTTP/1.1 200 "))
      }
    }
  }

  @Test("bodies together take no more memory than they may")
  func heldBytes() async throws {
    var limits = HostLimits()
    limits.heldBodyBytes = 100_000
    let host = try TestHost(limits: limits)
    try await host.serve { listening in
      func ask(_ count: Int) async throws -> String {
        let fields = "Connection: close\r\nContent-Length: \(count)\r\n\r\n"
        return try await RawClient.exchange(
          port: listening.port,
          post("/chat/completions", host, fields + String(repeating: "a", count: count)))
      }
      let tooMuch = try await ask(60_000)
      #expect(tooMuch.hasPrefix("HTTP/1.1 503 "))
      for _ in 0..<3 {
        let answer = try await ask(50_000)
        #expect(answer.hasPrefix("HTTP/1.1 200 "))
      }
    }
  }

  // MARK: Stopping

  @Test("told to stop, the host takes nothing new, lets answers end, and cuts those that do not")
  func drain() async throws {
    var limits = HostLimits()
    limits.drainTimeout = .seconds(3)
    let (begun, gate) = (Signal<Void>(), Signal<Void>())
    let host = try TestHost(limits: limits) { routes in
      routes.on(.get, "/slow", .publicInformation) { _, _ in
        begun.fulfil(.success(()))
        try await gate.value()
        return .text("in the end")
      }
    }
    let server = HostServer(.init(port: 0), door: host.door)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let group = ServiceGroup(services: [server], logger: logger)
    let running = Task { try await group.run() }
    let port = try await server.ready().port
    try await RawClient.connect(port: port) { idle in
      try await idle.send(Self.get)
      _ = try await idle.read(until: "GET /health ")
      try await RawClient.connect(port: port) { slow in
        try await slow.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try await begun.value()
        try await RawClient.connect(port: port) { endless in
          try await endless.send(post("/endless", host))
          try await host.probes.started.value()
          await group.triggerGracefulShutdown()
          _ = try await idle.rest()
          await #expect(throws: (any Error).self) { try await RawClient.exchange(port: port, Self.get) }
          gate.fulfil(.success(()))
          let answer = try await slow.rest()
          #expect(answer.hasSuffix("in the end"))
          #expect(answer.lowercased().contains("connection: close"))
          #expect(try await !endless.rest().contains("\r\n0\r\n"))
        }
      }
    }
    try await running.value
    try await host.probes.cancelled.value()
  }

  @Test("an address in use is an error that says what to do")
  func addressInUse() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      let second = HostServer(.init(port: listening.port), door: host.door)
      await #expect(throws: HostError.addressInUse("127.0.0.1:\(listening.port)")) {
        try await second.run()
      }
      await #expect(throws: HostError.self) { try await second.ready() }
    }
  }
}
