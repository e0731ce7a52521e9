import AsyncHTTPClient
import Connector
import Foundation
import Identity
import NIOCore
import NIOHTTP1
import SecretMemory
import SecureChannel

/// The real server on loopback: what is sealed against the same in plaintext.
enum ServerBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("server-streaming") { report in try await with { try await streaming($0, into: &report) } },
    Benchmark("server-requests") { report in try await with { try await requests($0, into: &report) } },
    Benchmark("server-handshakes") { report in try await with { try await handshakes($0, into: &report) } },
    Benchmark("server-memory") { report in try await with { try await memory($0, into: &report) } },
    Benchmark("server-start") { report in try await startUp(into: &report) },
  ]

  /// A host, a model server behind it, and the two ways to ask it.
  struct Setting: Sendable {
    let url: String
    let agent: Address
    let key: String
    let plain: HTTPClient
    let peers: HTTPClient
    let residentMemory: @Sendable () -> Double
    let controlSocket: String
    /// Has the agent reached through a relay; gives its URL there.
    let up: @Sendable (_ relay: String) throws -> String

    /// - Parameter place: where it is asked; nil for the host itself.
    func peer(at place: String? = nil) throws -> PeerClient {
      var text = Array(key.utf8)
      return PeerClient(
        peer: try Peer(name: "bench", url: place ?? url, address: agent),
        key: try PeerKey(SecretBytes(taking: &text)), client: peers)
    }

    func request(_ path: String, _ body: [UInt8]?) -> HTTPClientRequest {
      var request = HTTPClientRequest(url: url + path)
      request.headers.add(name: "Authorization", value: "Bearer \(key)")
      if let body {
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: body))
      }
      return request
    }
  }

  static var program: String {
    ProcessInfo.processInfo.environment["OSAURUS_HOST_PROGRAM"] ?? ".build/release/osaurus-host"
  }

  static func with(_ body: (Setting) async throws -> Void) async throws {
    try await withoutActuallyEscaping(body) { body in
      let box = Unchecked(body)
      try await ModelServer.run { model in
        let host = try HostProcess(program: program, modelURL: model.url)
        defer { host.stop() }
        let plain = client()
        let peers = client()
        let process = Unchecked(host)
        let setting = Setting(
          url: host.url, agent: host.agent, key: host.key, plain: plain, peers: peers,
          residentMemory: { process.value.residentMemory }, controlSocket: host.controlSocket,
          up: { try process.value.up(at: $0) })
        do {
          try await box.value(setting)
        } catch {
          try? await plain.shutdown()
          try? await peers.shutdown()
          throw error
        }
        try await plain.shutdown()
        try await peers.shutdown()
      }
    }
  }

  private static func client() -> HTTPClient {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.httpVersion = .http1Only
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 2000
    return HTTPClient(configuration: configuration)
  }

  static let question = Array(#"{"messages":[{"role":"user","content":"go"}]}"#.utf8)

  // MARK: What is measured

  private static func streaming(_ setting: Setting, into report: inout Report) async throws {
    let path = "/agents/\(setting.agent.checksummed)/run"
    let peer = try setting.peer()
    let size = Double(ModelServer.pieces * ModelServer.pieceSize)
    let (sealed, plain) = try await Turns.rates(rounds: 7) {
      var count = 0
      for try await piece in try await peer.stream("POST", path, body: question) { count += piece.count }
      precondition(Double(count) > size)
      return size / 1e6
    } alternative: {
      var count = 0
      let answer = try await setting.plain.execute(setting.request(path, question), timeout: .seconds(60))
      for try await piece in answer.body { count += piece.readableBytes }
      precondition(Double(count) > size)
      return size / 1e6
    }
    report.measurements.append(
      Measurement(
        name: "an answer streamed through the server, text of \(ModelServer.pieceSize) bytes a piece",
        ours: sealed,
        alternative: plain, alternativeName: "the same in plaintext", unit: "MB/s", ratio: sealed / plain,
        direction: nil, floor: nil))
  }

  private static func requests(_ setting: Setting, into report: inout Report) async throws {
    let peer = try setting.peer()
    _ = try await peer.handshake()
    let (sealed, plain) = try await Turns.rates(rounds: 7) {
      try await Turns.together(16, times: 60) { _ = try await peer.send("GET", "/models", body: nil) }
    } alternative: {
      try await Turns.together(16, times: 60) {
        let answer = try await setting.plain.execute(setting.request("/models", nil), timeout: .seconds(60))
        _ = try await answer.body.collect(upTo: 1 << 20)
      }
    }
    report.measurements.append(
      Measurement(
        name: "requests through the server (GET /models, 16 at a time)", ours: sealed, alternative: plain,
        alternativeName: "the same in plaintext", unit: "a second", ratio: sealed / plain, direction: nil,
        floor: nil))
  }

  private static func handshakes(_ setting: Setting, into report: inout Report) async throws {
    let (ours, plain) = try await Turns.rates(rounds: 7) {
      try await Turns.together(16, times: 20) {
        var request = setting.request("/secure/session", ClientHandshake(with: setting.agent).hello.encoded())
        request.headers.remove(name: "Authorization")
        let answer = try await setting.plain.execute(request, timeout: .seconds(60))
        precondition(answer.status == .ok)
        _ = try await answer.body.collect(upTo: 1 << 20)
      }
    } alternative: {
      try await Turns.together(16, times: 20) {
        let answer = try await setting.plain.execute(
          HTTPClientRequest(url: setting.url + "/health"), timeout: .seconds(60))
        _ = try await answer.body.collect(upTo: 1 << 20)
      }
    }
    report.measurements.append(
      Measurement(
        name: "handshakes through the server (16 at a time)", ours: ours, alternative: plain,
        alternativeName: "GET /health", unit: "a second", ratio: ours / plain, direction: nil, floor: nil))
  }

  private static func memory(_ setting: Setting, into report: inout Report) async throws {
    report.readings.append(.init(name: "resident memory, idle", value: setting.residentMemory(), unit: "MiB"))
    let memory = try await OpenStreams.hold(1000, setting, saying: "hold") { setting.residentMemory() }
    report.readings.append(
      .init(name: "resident memory, 1,000 sealed streams open", value: memory, unit: "MiB"))
  }

  private static func startUp(into report: inout Report) async throws {
    var times: [Double] = []
    for _ in 0..<5 {
      let host = try HostProcess(program: program, modelURL: "http://127.0.0.1:1/v1")
      let (seconds, attoseconds) = host.startUp.components
      times.append(Double(seconds) * 1000 + Double(attoseconds) / 1e15)
      host.stop()
    }
    report.readings.append(.init(name: "from exec to ready", value: SideBySide.median(times), unit: "ms"))
  }
}

/// Carries a value that is used by one task at a time.
struct Unchecked<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// Waits until so many have arrived.
actor Gate {
  private var missing: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { missing = count }

  func arrive() {
    missing -= 1
    guard missing <= 0 else { return }
    for continuation in waiting { continuation.resume() }
    waiting = []
  }

  func everybody() async {
    if missing > 0 { await withCheckedContinuation { waiting.append($0) } }
  }
}

/// Measures two ways of using a server in turns.
enum Turns {
  /// What each way gets done in a second: the median over the rounds. A round returns how much it did.
  static func rates(
    rounds: Int, ours: () async throws -> Double, alternative: () async throws -> Double
  ) async throws -> (ours: Double, alternative: Double) {
    func rate(_ work: () async throws -> Double) async throws -> Double {
      let clock = ContinuousClock()
      let begun = clock.now
      let done = try await work()
      let (seconds, attoseconds) = begun.duration(to: clock.now).components
      return done / (Double(seconds) + Double(attoseconds) / 1e18)
    }
    _ = try await rate(ours)
    _ = try await rate(alternative)
    var rates: (ours: [Double], alternative: [Double]) = ([], [])
    for _ in 0..<rounds {
      rates.ours.append(try await rate(ours))
      rates.alternative.append(try await rate(alternative))
    }
    return (SideBySide.median(rates.ours), SideBySide.median(rates.alternative))
  }

  /// Runs `work` so many times in each of so many tasks.
  /// - Returns: how often it ran.
  static func together(
    _ tasks: Int, times: Int, _ work: @escaping @Sendable () async throws -> Void
  ) async throws -> Double {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<tasks { group.addTask { for _ in 0..<times { try await work() } } }
      try await group.waitForAll()
    }
    return Double(tasks * times)
  }
}
