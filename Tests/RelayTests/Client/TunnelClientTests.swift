import Foundation
import Identity
import NIOCore
import Synchronization
import Testing

@testable import Relay

/// The client over real sockets, with a relay that does what a test wants.
@Suite("A host's tunnel", .timeLimit(.minutes(5)))
struct TunnelClientTests {
  private static let key: SigningKey = {
    guard let key = try? MasterKey.generate().signingKey else { fatalError("no key") }
    return key
  }()
  private static var agent: Address { key.address }
  private static let time: Int64 = 1_800_000_000
  private static let nonce = TunnelNonce(String(repeating: "ab", count: 32))!

  /// Answers what it is told to: `/echo` at once, `/wait` when it is cancelled, `/stream` in pieces.
  private final class Handler: TunnelResponder {
    let started = AsyncStream.makeStream(of: Void.self)
    let stopped = AsyncStream.makeStream(of: Void.self)

    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {
      switch request.path?.text {
      case "/wait":
        started.continuation.yield()
        try? await Task.sleep(for: .seconds(3600))
        stopped.continuation.yield()
      case "/stream":
        try? await answer.start(status: 200, headers: [:])
        try? await answer.write(ByteBuffer(string: "one\n"))
        try? await answer.finish()
      default:
        try? await answer.send(status: 200, headers: [:], body: request.body)
      }
    }
  }

  private func client(
    _ port: Int, _ handler: Handler = Handler(), clock: any Clock<Duration> = ContinuousClock(),
    parallel: Int = 64
  ) throws -> TunnelClient {
    var configuration = TunnelClient.Configuration(relay: try RelayURL("ws://127.0.0.1:\(port)"))
    configuration.parallelRequests = parallel
    return Self.make(configuration, handler, clock)
  }

  private static func make(
    _ configuration: TunnelClient.Configuration, _ handler: Handler, _ clock: some Clock<Duration>
  ) -> TunnelClient {
    TunnelClient(
      configuration, clock: clock, unixTime: { time }, chance: { 1 }, handler: handler,
      key: { $0 == agent ? key : nil }, check: { _, _ in nil })
  }

  /// Runs a client for the agent while `body` does.
  private func run(_ client: TunnelClient, _ body: () async throws -> Void) async throws {
    let running = Task { await client.run() }
    await client.expose([Self.agent])
    let result: Result<Void, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    running.cancel()
    await running.value
    try result.get()
  }

  private func status(
    of client: TunnelClient, _ isReached: (TunnelStatus) -> Bool
  ) async -> TunnelStatus {
    while true {
      let status = await client.status
      if isReached(status) { return status }
      await Task.yield()
    }
  }

  /// What a relay does first: challenges, and takes the agent.
  @Sendable private static func welcome(
    _ tunnel: inout ScriptedRelay.Tunnel, features: TunnelFeatures = [.base64, .cancel]
  ) async throws {
    try await tunnel.say(.challenge(nonce, features))
    _ = try await tunnel.frame()
    try await tunnel.say(
      .authenticated([RegisteredAgent(address: agent, url: "http://\(agent.lowercased).x")]))
  }

  private static func request(_ id: String, _ path: String, body: String = "", to agent: Address = agent)
    -> RelayFrame
  {
    .request(
      RelayRequest(
        id: RequestID(id)!, method: "GET", path: RelayPath(path),
        headers: ["x-agent-address": agent.lowercased],
        body: ByteBuffer(string: body)))
  }

  // MARK: Proofs

  @Test(
    "it proves its agents with one signed frame, and says what it understands only to a relay that does so, too"
  )
  func proofs() async throws {
    for features in [TunnelFeatures(), [.base64, .flow]] {
      let heard = Mutex<String?>(nil)
      try await ScriptedRelay.run { tunnel, _ in
        try await tunnel.say(.challenge(Self.nonce, features))
        let text = try await tunnel.text()
        heard.withLock { $0 = text }
        try await tunnel.say(
          .authenticated([RegisteredAgent(address: Self.agent, url: "http://\(Self.agent.lowercased).x")]))
        _ = try await tunnel.text()
      } during: { relay in
        let client = try client(relay.port)
        try await run(client) {
          let status = await status(of: client) { $0.isProven(Self.agent) }
          #expect(status.url(of: Self.agent) == "http://\(Self.agent.lowercased).x")
          let text = try #require(heard.withLock { $0 })
          #expect(text.contains("features") == !features.isEmpty)
          guard case .auth(let auth) = try HostFrame(ByteBuffer(string: text)) else {
            Issue.record("\(text)")
            return
          }
          #expect(auth.timestamp == Self.time && auth.nonce == Self.nonce)
          #expect(auth.agents.map(\.spelling) == [Self.agent.checksummed])
          #expect(auth.agents[0].isValid(nonce: Self.nonce, timestamp: Self.time))
        }
      }
    }
  }

  // MARK: Breaking

  @Test("when the tunnel breaks, the work for it stops")
  func workStops() async throws {
    let handler = Handler()
    try await ScriptedRelay.run { tunnel, number in
      guard number == 1 else { return }
      try await Self.welcome(&tunnel)
      try await tunnel.say(Self.request("a", "/wait"))
      for await _ in handler.started.stream { break }
    } during: { relay in
      let client = try client(relay.port, handler)
      try await run(client) {
        for await _ in handler.stopped.stream { break }
        _ = await status(of: client) { $0.connection != .open }
      }
      // The handler says so a moment before it returns.
      try await eventually { await client.runningCount == 0 }
    }
  }

  // MARK: Requests

  @Test("requests are answered side by side, up to a bound, each name once, and what nobody waits for stops")
  func requests() async throws {
    let handler = Handler()
    let (done, isDone) = AsyncStream.makeStream(of: [String].self)
    try await ScriptedRelay.run { tunnel, number in
      guard number == 1 else { return }
      var said: [String] = []
      try await Self.welcome(&tunnel)
      try await tunnel.say(Self.request("a", "/wait"))
      try await tunnel.say(Self.request("b", "/wait"))
      var started = handler.started.stream.makeAsyncIterator()
      for _ in 0..<2 { await started.next() }
      try await tunnel.say(Self.request("a", "/echo", body: "again"))
      try await tunnel.say(Self.request("c", "/echo", body: "one too many"))
      said.append(try await tunnel.text() ?? "")
      try await tunnel.say(.cancel(RequestID("b")!))
      for await _ in handler.stopped.stream { break }
      try await tunnel.say(.ping(7))
      said.append(try await tunnel.text() ?? "")
      try await tunnel.say(Self.request("d", "/echo", body: "hello"))
      said.append(try await tunnel.text() ?? "")
      try await tunnel.say(Self.request("e", "/stream"))
      for _ in 0..<3 { said.append(try await tunnel.text() ?? "") }
      try await tunnel.say(Self.request("f", "/echo", to: Address(bytes: [UInt8](repeating: 1, count: 20))!))
      said.append(try await tunnel.text() ?? "")
      try await tunnel.say(
        #"{"type":"request","id":"g","method":"GET","path":"@evil","headers":{},"body":""}"#)
      said.append(try await tunnel.text() ?? "")
      try await tunnel.say(#"{"type":"something_new","x":1}"#)
      try await tunnel.say(.ping(8))
      said.append(try await tunnel.text() ?? "")
      isDone.yield(said)
      while try await tunnel.text() != nil {}
    } during: { relay in
      let client = try client(relay.port, handler, parallel: 2)
      try await run(client) {
        var iterator = done.makeAsyncIterator()
        let said = await iterator.next() ?? []
        let error = { (id: String, status: Int, code: String) in
          #"{"body":"{\"error\":\"\#(code)\"}","headers":{"content-type":"application/json"},"id":"\#(id)","status":\#(status),"type":"response"}"#
        }
        #expect(
          said == [
            error("c", 503, "server_overloaded"),
            #"{"ts":7,"type":"pong"}"#,
            #"{"body":"hello","headers":{},"id":"d","status":200,"type":"response"}"#,
            #"{"headers":{},"id":"e","status":200,"type":"stream_start"}"#,
            #"{"data":"one\n","id":"e","type":"stream_chunk"}"#, #"{"id":"e","type":"stream_end"}"#,
            error("f", 502, "agent_offline"), error("g", 502, "invalid_path"), #"{"ts":8,"type":"pong"}"#,
          ])
      }
    }
  }

  // MARK: Windows

  /// Pours lines of 1000 bytes until it is told to stop, and counts them.
  private final class Pourer: TunnelResponder {
    let stopped = AsyncStream.makeStream(of: (any Error)?.self)

    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {
      let line = ByteBuffer(string: String(repeating: "x", count: 999) + "\n")
      do {
        try await answer.start(status: 200, headers: [:])
        for _ in 0..<(Int(request.headers["x-lines"] ?? "") ?? 0) { try await answer.write(line) }
        try await answer.finish()
        stopped.continuation.yield(nil)
      } catch {
        stopped.continuation.yield(error)
      }
    }
  }

  private static func pour(_ id: String, lines: Int, window: Int64?) -> RelayFrame {
    .request(
      RelayRequest(
        id: RequestID(id)!, method: "GET", path: RelayPath("/"),
        headers: ["x-agent-address": agent.lowercased, "x-lines": "\(lines)"], window: window))
  }

  private static let windowed: TunnelFeatures = [.base64, .cancel, .flow, .window]

  /// Lets a host pour to a relay that plays so.
  private func pour(
    _ patience: Duration = .seconds(600),
    to play: @escaping @Sendable (inout ScriptedRelay.Tunnel) async throws -> Void,
    _ body: @escaping @Sendable (TunnelClient, Pourer) async throws -> Void
  ) async throws {
    let pourer = Pourer()
    try await ScriptedRelay.run { tunnel, number in
      guard number == 1 else { return }
      try await play(&tunnel)
      while try await tunnel.text() != nil {}
    } during: { relay in
      var configuration = TunnelClient.Configuration(relay: try RelayURL("ws://127.0.0.1:\(relay.port)"))
      configuration.patience = patience
      let client = TunnelClient(
        configuration, clock: ContinuousClock(), unixTime: { Self.time }, chance: { 1 }, handler: pourer,
        key: { $0 == Self.agent ? Self.key : nil }, check: { _, _ in nil })
      try await run(client) { try await body(client, pourer) }
    }
  }

  @Test(
    "a stream stops at its window, whatever else is said, while others go on, and goes on where it stopped")
  func window() async throws {
    let (done, isDone) = AsyncStream.makeStream(of: [HostFrame].self)
    try await pour { tunnel in
      try await Self.welcome(&tunnel, features: Self.windowed)
      try await tunnel.say(Self.pour("slow", lines: 10, window: 3000))
      guard case .streamStart? = try await tunnel.frame() else { return }
      // Two lines cost 3024, so both are sent.
      for _ in 0..<2 { guard case .streamChunk? = try await tunnel.frame() else { return } }
      // For nobody, for what is past, and in vain.
      try await tunnel.say(.window(RequestID("nobody")!, .max))
      try await tunnel.say(.window(RequestID("slow")!, 0))
      try await tunnel.say(.window(RequestID("slow")!, 3024))
      try await tunnel.say(Self.pour("fast", lines: 40, window: .max))
      var heard: [HostFrame] = []
      func hear(_ count: Int) async throws {
        for _ in 0..<count {
          guard let frame = try await tunnel.frame() else { return }
          heard.append(frame)
        }
      }
      try await hear(42)
      // One that is over, and the one that waits.
      try await tunnel.say(.window(RequestID("fast")!, .max))
      try await tunnel.say(.window(RequestID("slow")!, .max))
      try await hear(9)
      isDone.yield(heard)
    } _: { _, _ in
      var iterator = done.makeAsyncIterator()
      let heard = try #require(await iterator.next())
      let line = ByteBuffer(string: String(repeating: "x", count: 999) + "\n")
      #expect(
        heard == [.streamStart(RelayAnswerHead(id: RequestID("fast")!, status: 200))]
          + Array(repeating: .streamChunk(RequestID("fast")!, line), count: 40)
          + [.streamEnd(RequestID("fast")!)]
          + Array(repeating: .streamChunk(RequestID("slow")!, line), count: 8)
          + [.streamEnd(RequestID("slow")!)])
    }
  }

  @Test(
    "a relay that knows of windows and names none, and one that knows nothing of them, get the stream at once",
    arguments: [windowed, [.base64, .cancel]])
  func windowless(features: TunnelFeatures) async throws {
    try await pour { tunnel in
      try await Self.welcome(&tunnel, features: features)
      try await tunnel.say(Self.pour("a", lines: 500, window: nil))
      guard case .streamStart? = try await tunnel.frame() else { return }
      while case .streamChunk? = try await tunnel.frame() {}
    } _: { _, pourer in
      var iterator = pourer.stopped.stream.makeAsyncIterator()
      let failure = try #require(await iterator.next())
      #expect(failure == nil)
    }
  }

  @Test("a relay that never opens a window holds a stream for a while, and no more")
  func neverOpened() async throws {
    let (ends, end) = AsyncStream.makeStream(of: HostFrame?.self)
    try await pour(.milliseconds(50)) { tunnel in
      try await Self.welcome(&tunnel, features: Self.windowed)
      try await tunnel.say(Self.pour("a", lines: 500, window: 0))
      guard case .streamStart? = try await tunnel.frame() else { return }
      end.yield(try await tunnel.frame())
    } _: { _, pourer in
      var iterator = pourer.stopped.stream.makeAsyncIterator()
      let failure = try #require(await iterator.next())
      #expect(failure as? TunnelAnswer.Failure == .unread)
      var frames = ends.makeAsyncIterator()
      let frame = try #require(await frames.next())
      #expect(frame == .cancel(RequestID("a")!))
    }
  }

  @Test(
    "a window that is no number of bytes ends the tunnel, and the work for it",
    arguments: ["-1", "9223372036854775808", "1e3.5", "\"1\"", "null", "[]"])
  func hostileWindow(text: String) async throws {
    try await pour { tunnel in
      try await Self.welcome(&tunnel, features: Self.windowed)
      try await tunnel.say(Self.pour("a", lines: 500, window: 0))
      guard case .streamStart? = try await tunnel.frame() else { return }
      try await tunnel.say(#"{"id":"a","type":"window","window":\#(text)}"#)
    } _: { _, pourer in
      var iterator = pourer.stopped.stream.makeAsyncIterator()
      let failure = try #require(await iterator.next())
      #expect(failure is CancellationError)
    }
  }
}
