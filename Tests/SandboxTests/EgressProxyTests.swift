import Foundation
import NIOCore
import Testing

@testable import Sandbox

@Suite("The proxy of a sandbox")
struct EgressProxyTests {
  private static let established = "HTTP/1.1 200 Connection established\r\n\r\n"

  private func tunnel(_ ground: EgressGround, to host: String = EgressGround.name) -> String {
    "CONNECT \(host):\(ground.port) HTTP/1.1\r\nHost: \(host)\r\n\r\n"
  }

  @Test("joins a program with a listed host, passes on what was sent with the request, and notes it all")
  func joins() async throws {
    let ground = try EgressGround()
    try await ground.withProxy { proxy in
      let program = try proxy.connect()
      program.say(tunnel(ground) + "early")
      #expect(program.some(Self.established.utf8.count + 5) == "\(Self.established)early")
      program.say(" late")
      program.endOutput()
      #expect(program.everything() == " late")
    }
    let record = try #require(ground.records.first)
    #expect(ground.records.count == 1)
    #expect(record.host == EgressGround.name)
    #expect(Int(record.port) == ground.port)
    #expect(record.address == "127.0.0.1")
    #expect(record.outcome == .connected)
    #expect(record.sent == 10)
    #expect(record.received == 10)
  }

  @Test("sends a plain request on to the host in its URL, and its answer back")
  func plain() async throws {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    let ground = try EgressGround(answer: answer)
    try await ground.withProxy { proxy in
      let request =
        "POST http://\(EgressGround.name):\(ground.port)/a HTTP/1.1\r\nHost: 127.0.0.1\r\nProxy-Connection: x\r\nContent-Length: 3\r\n\r\nabc"
      let said = try proxy.answer(to: request)
      #expect(said == answer)
    }
    let text = ground.received
    #expect(text.hasPrefix("POST /a HTTP/1.1\r\n"))
    #expect(text.contains("Host: \(EgressGround.name):\(ground.port)\r\n"))
    #expect(text.contains("Connection: close\r\n"))
    #expect(!text.contains("Proxy-Connection"))
    #expect(ground.records.first?.received == UInt64(answer.utf8.count))
  }

  @Test("takes one request over a connection, so that none is for another host than the one that was checked")
  func second() async throws {
    let ground = try EgressGround(answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    try await ground.withProxy { proxy in
      let url = "http://\(EgressGround.name):\(ground.port)/"
      _ = try proxy.answer(
        to:
          "GET \(url) HTTP/1.1\r\nHost: a\r\n\r\nGET http://other.example/second HTTP/1.1\r\nHost: b\r\n\r\n")
    }
    #expect(!ground.received.contains("second"))
  }

  @Test(
    "is not confused by what follows a request in one breath",
    arguments: [
      "CONNECT %h HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET / HTTP/1.1\r\n\r\n",
      "CONNECT %h HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
      "CONNECT %h HTTP/1.1\r\n\r\nCONNECT %h HTTP/1.1\r\n\r\n", "CONNECT %h HTTP/2.0\r\n\r\n",
      "GET http://%h/ HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n%b",
      "GET http://%h/ HTTP/1.1\r\n\r\n%b", "GET http://%h/ HTTP/1.1\r\n\r\nCONNECT %h HTTP/1.1\r\n\r\n%b",
      "POST http://%h/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
      "POST http://%h/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET http://%h/ HTTP/0.9\r\n\r\n", "%b",
      "CONNECT %h HTTP/1.1\r\n\r\n%b",
    ])
  func confusing(form: String) async throws {
    let ground = try EgressGround(answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    let request = form.replacing("%h", with: "\(EgressGround.name):\(ground.port)")
      .replacing("%b", with: String(repeating: "b", count: 400_000))
    try await ground.withProxy { proxy in
      for isEnded in [false, true] {
        let program = try proxy.connect()
        program.say(request)
        if isEnded { program.endOutput() }
        _ = program.some(12)
      }
      // It serves still.
      let program = try proxy.connect()
      program.say("CONNECT \(EgressGround.name):\(ground.port) HTTP/1.1\r\n\r\n")
      let said = program.some(12)
      #expect(said == "HTTP/1.1 200")
    }
  }

  @Test("refuses what is not listed, what is not understood, and what has no address, and says which")
  func refusals() async throws {
    let ground = try EgressGround(answers: [[]])
    try await ground.withProxy { proxy in
      for (request, status) in [
        (tunnel(ground, to: "other.example"), "403"), ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("nonsense\r\n\r\n", "400"), (tunnel(ground), "502"),
        ("GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 100_000))\r\n\r\n", "400"),
      ] {
        let said = try proxy.answer(to: request)
        #expect(said.hasPrefix("HTTP/1.1 \(status) "))
      }
    }
    // Each is noted when it is over, in whatever order.
    #expect(
      ground.records.map(\.outcome.rawValue).sorted()
        == ["malformed", "malformed", "malformed", "not_listed", "unresolved"])
    #expect(ground.records.first { $0.outcome == .notListed }?.host == "other.example")
  }

  @Test(
    "connects with none but an address that it looked at, though the name stands for another one a moment later"
  )
  func rebinding() async throws {
    let resolver = ToldResolver([["127.0.0.1"], ["127.0.0.2"]])
    let ground = try EgressGround(answer: "hello", resolver: resolver)
    try await ground.withProxy { proxy in
      let first = try proxy.answer(to: tunnel(ground) + "x")
      #expect(first == "\(Self.established)hello")
      let second = try proxy.answer(to: tunnel(ground) + "x")
      #expect(second.hasPrefix("HTTP/1.1 403 "))
    }
    // Asked for once a connection, by its whole name.
    #expect(resolver.names == ["\(EgressGround.name).", "\(EgressGround.name)."])
    #expect(
      Set(ground.records.map { "\($0.outcome.rawValue) \($0.address ?? "-")" })
        == ["connected 127.0.0.1", "address_refused -"])
  }

  @Test("looks up two names of a command at a time, and none for who has gone")
  func lookups() async throws {
    let resolver = HeldResolver()
    let lookups = EgressLookups(resolver)
    await withTaskGroup(of: [InternetAddress].self) { group in
      for number in 0..<6 {
        group.addTask { await lookups.addresses(of: "\(number)") { number.isMultiple(of: 2) } }
      }
      while resolver.asked.count < EgressLookups.mostAtOnce { await Task.yield() }
      while await lookups.count < 3 { await Task.yield() }
      #expect(resolver.asked.count == EgressLookups.mostAtOnce)
      resolver.letGo()
      for await found in group { #expect(found.count <= 1) }
    }
    #expect(resolver.asked.sorted() == ["0", "2", "4"])
    #expect(await lookups.count == 0)
  }

  @Test("of several addresses leaves out those that are not on the internet")
  func several() async throws {
    let ground = try EgressGround(
      answer: "hello", answers: [["127.0.0.2", "10.0.0.1", "::1", "::ffff:127.0.0.1", "127.0.0.1"]])
    try await ground.withProxy { proxy in
      let said = try proxy.answer(to: tunnel(ground) + "x")
      #expect(said == "\(Self.established)hello")
    }
    #expect(ground.records.first?.address == "127.0.0.1")
  }

  @Test("gives up on who asks for nothing")
  func patience() async throws {
    let ground = try EgressGround { $0.establishing = .milliseconds(50) }
    try await ground.withProxy { proxy in
      let said = try proxy.connect().everything()
      #expect(said.hasPrefix("HTTP/1.1 504 "))
    }
    #expect(ground.records.map(\.outcome) == [.timedOut])
  }

  @Test("ends what nothing goes over")
  func idle() async throws {
    let ground = try EgressGround { $0.idling = .milliseconds(50) }
    try await ground.withProxy { proxy in
      let program = try proxy.connect()
      program.say(tunnel(ground))
      #expect(program.everything() == Self.established)
    }
  }

  @Test("has so many connections at a time and no more, and notes those that it ends")
  func many() async throws {
    let ground = try EgressGround { $0.mostOpen = 8 }
    try await ground.withProxy { proxy in
      var programs: [ProxyAtHand.Program] = []
      for _ in 0..<8 {
        let program = try proxy.connect()
        program.say(tunnel(ground))
        #expect(program.some(Self.established.utf8.count) == Self.established)
        programs.append(program)
      }
      let said = try proxy.answer(to: tunnel(ground))
      #expect(said == "")
      proxy.service.stop()
      #expect(programs.allSatisfy { $0.everything() == "" })
    }
    #expect(ground.records.count { $0.outcome == .connected } == 8)
    #expect(ground.records.count { $0.outcome == .tooMany } == 1)
  }
}

@Suite("A command for which hosts are listed")
struct EgressCommandTests {
  private static let ask = """
    exec 3<>/dev/tcp/127.0.0.1/3128
    ask() { printf 'CONNECT %s HTTP/1.1\\r\\n\\r\\n' "$1" >&3; read -r -t 30 answer <&3; echo "${answer%?}"; read -r -t 30 end <&3; }

    """

  private func bash(_ ground: Ground, _ script: String) async throws -> ExecutionResult {
    try await ground.run(["bash", "-c", Self.ask + script])
  }

  @Test("reaches them through the proxy that its environment names, with as many bytes as it likes")
  func reaches() async throws {
    let ground = try Ground()
    let egress = try EgressGround()
    egress.open(ground)
    let size = 3_000_000
    let result = try await bash(
      ground,
      """
      ask \(EgressGround.name):\(egress.port)
      head -c \(size) /dev/zero >&3 &
      head -c \(size) <&3 | wc -c
      echo "$HTTP_PROXY $https_proxy $ALL_PROXY"
      """)
    let proxy = "http://127.0.0.1:3128"
    #expect(
      result.standardOutput.text
        == "HTTP/1.1 200 Connection established\n\(size)\n\(proxy) \(proxy) \(proxy)\n")
    // When its result is there, so is the note of every connection.
    #expect(egress.records.map(\.outcome) == [.connected])
    #expect(egress.records.first?.sent == UInt64(size))
    #expect(
      result.layers.first { $0.layer == .network }?.detail == "none but a proxy, to one host that is listed")
    #expect(result.weaknesses.isEmpty)
  }

  @Test("is refused every other one, and has nothing else of the network")
  func refused() async throws {
    let ground = try Ground()
    let egress = try EgressGround()
    egress.open(ground)
    let result = try await bash(
      ground,
      """
      ask 127.0.0.1:\(egress.port)
      (: < /dev/tcp/127.0.0.1/\(egress.port)) 2>/dev/null || echo no way
      (: < /dev/tcp/\(EgressGround.name)/\(egress.port)) 2>/dev/null || echo no name
      (: < /dev/udp/127.0.0.1/53) 2>/dev/null || echo no datagrams
      """)
    #expect(result.standardOutput.text == "HTTP/1.1 400 Bad Request\nno way\nno name\nno datagrams\n")
    #expect(egress.records.map(\.outcome) == [.malformed])
  }

  @Test("takes its connections with it when it is ended")
  func ended() async throws {
    let ground = try Ground()
    let egress = try EgressGround()
    egress.open(ground)
    let session = try ground.start([
      "bash", "-c", Self.ask + "ask \(EgressGround.name):\(egress.port); sleep 100",
    ])
    try await eventually { session.snapshot().standardOutput.text.contains("200") }
    #expect(egress.records.isEmpty)
    session.terminate()
    _ = try await session.result()
    #expect(egress.records.map(\.outcome) == [.connected])
  }

  @Test("is the only one that has a proxy in its environment")
  func others() async throws {
    let ground = try Ground()
    for network in [NetworkAccess.none, .loopback] {
      ground.profile.network = network
      #expect(try await ground.shell("env | grep -i proxy").standardOutput.text == "")
    }
  }
}
