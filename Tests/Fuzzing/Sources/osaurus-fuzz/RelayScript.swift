import Identity
import NIOCore

@testable import Relay

/// What hosts and callers do to a relay, as a fuzzer's bytes say, in time that is the fuzzer's as well.
///
/// Whatever it is, somebody else on another network is served all along, what the relay says is what it may say, it holds no
/// more than its limits, and when all have gone nothing is left of them.
struct RelayScript {
  static func run(_ bytes: UnsafeBufferPointer<UInt8>) {
    var script = RelayScript(FuzzInput(bytes))
    for _ in 0..<200 where !script.input.isEmpty { script.step() }
    script.end()
  }

  private static let bystander = TestKey.make(1)
  private static let keys = [TestKey.make(2), TestKey.make(3), TestKey.make(4)]
  private static let address = "192.0.2.1"

  private static var settings: RelaySettings {
    var settings = RelaySettings(domain: RelayName(VirtualRelay.domain)!)
    settings.publicURL = "https://\(VirtualRelay.domain)"
    settings.limits.bodyBytes = 40_000
    settings.limits.headerBytes = 2000
    settings.limits.headerFields = 30
    settings.limits.streamBytes = 30_000
    settings.limits.requestsPerTunnel = 4
    settings.limits.requestsPerMinute = 100_000
    settings.limits.connectsPerMinute = 100_000
    settings.limits.heldBytes = 300_000
    settings.limits.heldBytesPerSource = 150_000
    settings.limits.tunnelBytes = 100_000
    settings.limits.tunnelsPerSource = 3
    settings.limits.agentsPerTunnel = 2
    settings.limits.connectionsPerSource = 6
    settings.limits.controlFramesPerMinute = 30
    settings.limits.unprovenBytes = 4000
    return settings
  }

  private var input: FuzzInput
  private let relay = VirtualRelay(settings)
  private let other: VirtualTunnel
  private var callers: [VirtualConnection?] = [nil, nil, nil]
  private var tunnels: [Host?] = [nil, nil]

  /// A tunnel of the attacker's, and what it knows.
  private struct Host {
    let tunnel: VirtualTunnel
    /// What it said that it understands, each time.
    var said: [TunnelFeatures] = []
    var nonce = ""
    var requests: [RelayRequest] = []
    var windows: [RequestID: Int64] = [:]
  }

  private init(_ input: FuzzInput) {
    self.input = input
    guard
      let other = try? relay.tunnel(
        [Self.bystander], features: [.base64, .cancel, .flow, .window], from: "203.0.113.1"),
      let word = try? other.frames().first, case .authenticated(let agents, _) = word, agents.count == 1
    else { fatalError("the bystander has no tunnel") }
    self.other = other
  }

  // MARK: Steps

  private mutating func step() {
    let choice = input.byte()
    let place = Int(choice >> 5)
    switch choice & 31 {
    case 0, 1: caller(place)?.send(input.bytes())
    case 2, 3, 4: ask(place)
    case 5: caller(place)?.isReading.toggle()
    case 6:
      callers[place % 3]?.close()
      callers[place % 3] = nil
    case 7: open(place)
    case 8, 9: authenticate(place)
    case 10, 11, 12:
      let text = input.text(known(place).id, known(place).nonce, Self.keys[place % 3].address.checksummed)
      tunnels[place % 2]?.tunnel.say(text)
    case 13: tunnels[place % 2]?.tunnel.say(input.bytes(), opcode: input.byte())
    case 14: tunnels[place % 2]?.tunnel.connection.send(input.bytes())
    case 15, 16, 17, 18, 19, 20: answer(place)
    case 21: tunnels[place % 2]?.tunnel.connection.isReading.toggle()
    case 22:
      tunnels[place % 2]?.tunnel.connection.close()
      tunnels[place % 2] = nil
    case 23: tunnels[place % 2]?.tunnel.say(.requestChallenge)
    case 24, 25: add(place)
    case 26: tunnels[place % 2]?.tunnel.say(.removeAgent(Self.keys[place % 3].address))
    case 27: pass(.milliseconds(Int64(input.byte())))
    case 28: pass(.seconds(Int64(input.byte() % 20)))
    default: pass(.milliseconds(1))
    }
    look()
  }

  private mutating func caller(_ place: Int) -> VirtualConnection? {
    if callers[place % 3]?.isOpen != true { callers[place % 3] = try? relay.connect(from: Self.address) }
    return callers[place % 3]
  }

  private mutating func ask(_ place: Int) {
    let method = input.pick(["GET", "POST", "HEAD", "OPTIONS", "DELETE", "x"])
    let host =
      input.pick(["\(Self.keys[0].address.lowercased).", "\(Self.keys[1].address.checksummed).", ""])
      + VirtualRelay.domain
    let version = input.pick(["1.1", "1.1", "1.0"])
    var request = ByteBuffer(string: "\(method) /")
    request.writeImmutableBuffer(input.bytes())
    request.writeString(" HTTP/\(version)\r\nhost: \(host)\r\n")
    request.writeImmutableBuffer(input.bytes())
    let body = ByteBuffer(repeating: input.byte(), count: input.number())
    if method == "POST" { request.writeString("content-length: \(body.readableBytes)\r\n") }
    request.writeString("\r\n")
    if method == "POST" { request.writeImmutableBuffer(body) }
    caller(place)?.send(request)
  }

  private mutating func open(_ place: Int) {
    tunnels[place % 2]?.tunnel.connection.close()
    tunnels[place % 2] = nil
    guard let tunnel = try? VirtualTunnel(to: relay, from: Self.address) else { return }
    tunnels[place % 2] = Host(tunnel: tunnel, nonce: tunnel.nonce?.text ?? "")
  }

  private mutating func authenticate(_ place: Int) {
    if tunnels[place % 2] == nil { open(place) }
    let features = TunnelFeatures(rawValue: input.byte())
    tunnels[place % 2]?.said.append(features)
    tunnels[place % 2]?.tunnel.authenticate(
      Array(Self.keys.prefix(Int(input.byte() % 4))), features: features)
  }

  private mutating func add(_ place: Int) {
    guard let host = tunnels[place % 2], let nonce = TunnelNonce(host.nonce) else { return }
    let time = relay.now + Int64(input.byte() % 64) - 32
    host.tunnel.say(
      .addAgent(
        AgentProof(by: Self.keys[place % 3], nonce: nonce, timestamp: time), nonce: nonce, timestamp: time))
  }

  /// Says something about one of the last requests.
  private mutating func answer(_ place: Int) {
    guard let host = tunnels[place % 2], !host.requests.isEmpty else { return }
    let id = host.requests[host.requests.count - 1 - Int(input.byte()) % min(8, host.requests.count)].id
    let status = input.pick([200, 404, 204, 304, 101, 599, 600, 0, -1])
    let headers = input.pick(
      [
        [:], ["content-length": "5"], ["connection": "close, x", "x": "y"], ["transfer-encoding": "chunked"],
      ] as [RelayHeaders])
    let body = ByteBuffer(repeating: input.byte(), count: input.number())
    switch input.byte() % 8 {
    case 0: host.tunnel.say(.answer(RelayAnswer(id: id, status: status, headers: headers, body: body)))
    case 1, 2: host.tunnel.say(.streamStart(RelayAnswerHead(id: id, status: status, headers: headers)))
    case 3, 4, 5: host.tunnel.say(.streamChunk(id, body))
    case 6: host.tunnel.say(.streamEnd(id))
    default: host.tunnel.say(.cancel(id))
    }
  }

  private func known(_ place: Int) -> (id: String, nonce: String) {
    (tunnels[place % 2]?.requests.last?.id.text ?? "none", tunnels[place % 2]?.nonce ?? "")
  }

  private mutating func pass(_ time: TimeAmount) {
    relay.pass(time)
    look()
  }

  // MARK: What has to be so

  private mutating func look() {
    for caller in callers {
      guard let caller, caller.isReading else { continue }
      _ = caller.read()
    }
    for place in tunnels.indices { listen(place) }
    guard let frames = try? other.frames(), other.closing == nil else {
      fatalError("the bystander is cut off")
    }
    for case .ping(let time) in frames { other.say(.pong(time)) }
    check(relay.board.budget.used <= Self.settings.limits.heldBytes, "the relay holds too much")
    check(relay.board.connections.total <= 7 && relay.board.tunnels.total <= 4, "there are too many")
  }

  /// What the relay says to a host of the attacker's.
  private mutating func listen(_ place: Int) {
    guard var host = tunnels[place] else { return }
    let frames: [RelayFrame]
    do { frames = try host.tunnel.frames() } catch { fatalError("the relay says what is no frame: \(error)") }
    for frame in frames {
      switch frame {
      case .challenge(let nonce, _): host.nonce = nonce.text
      case .request(let request):
        check(request)
        check(
          host.said.contains { $0.contains(.window) == (request.window != nil) },
          "a window that nobody understands")
        host.windows[request.id] = request.window
        host.requests.append(request)
      case .window(let id, let end):
        check(end > host.windows[id] ?? .max, "a window that closes, or of no request")
        host.windows[id] = end
      case .pause(let id), .resume(let id):
        check(
          host.said.contains { $0.contains(.flow) } && host.windows[id] == nil,
          "a pause that nobody understands")
      case .cancel(let id): check(host.requests.contains { $0.id == id }, "nothing to cancel")
      case .unreadable: fatalError("the relay hands on what a host does not take")
      case .unknown: fatalError("the relay says what nobody understands")
      case .authenticated, .authError, .agentAdded, .agentRemoved, .ping, .error: break
      }
    }
    tunnels[place] = host
  }

  /// What reaches a host is a request, and says of itself only what the relay knows.
  private func check(_ request: RelayRequest) {
    check(request.path != nil, "no path")
    check(Self.keys.contains { $0.address.lowercased == request.headers["x-agent-address"] }, "no agent")
    check(request.headers["x-forwarded-for"] == Self.address, "another source")
    for name in request.headers.fields.keys where name != "x-agent-address" && name != "x-forwarded-for" {
      check(
        !["host", "cookie", "forwarded", "via", "x-real-ip", "transfer-encoding", "upgrade"].contains(name)
          && !["x-forwarded-", "x-osaurus-", "fly-", "cf-"].contains(where: name.hasPrefix),
        "\(name) came through")
    }
  }

  private func check(_ isSo: Bool, _ message: @autoclosure () -> String) {
    if !isSo { fatalError(message()) }
  }

  /// All go, and the bystander answers somebody.
  private mutating func end() {
    for caller in callers { caller?.close() }
    for host in tunnels { host?.tunnel.connection.close() }
    callers = [nil, nil, nil]
    tunnels = [nil, nil]
    for _ in 0..<4 { pass(.seconds(1)) }
    let board = relay.board
    check(board.budget.used == 0 && board.answering.count == 0, "something is held for nobody")
    check(
      board.connections.total == 1 && board.tunnels.total == 1 && board.directory.count == 1,
      "somebody who has gone is counted")
    guard let caller = try? relay.connect(from: "198.51.100.1") else { fatalError("nobody comes in") }
    caller.send(
      "GET /hello HTTP/1.1\r\nhost: \(Self.bystander.address.lowercased).\(VirtualRelay.domain)\r\n\r\n")
    guard case .request(let request)? = try? other.frames().last else {
      fatalError("the bystander is not asked")
    }
    other.say(.answer(RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: "good day"))))
    let answer = String(buffer: caller.read())
    check(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("\r\n\r\ngood day"), "another answer")
    caller.close()
    other.connection.close()
    relay.pass(.seconds(120))
    check(board.connections.total == 0 && board.directory.count == 0, "somebody is left")
  }
}
