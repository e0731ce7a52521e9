import Connector
import Foundation
import Identity
import NIOCore
import Relay

/// What the way through a relay costs, against the same host asked directly, and what a relay needs for hosts that only wait.
/// No leg is under TLS: what that costs is measured elsewhere.
enum RelayBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("relay-latency") { report in try await with { try await latency($0, $1, &report) } },
    Benchmark("relay-streaming") { report in try await with { try await streaming($0, $1, &report) } },
    Benchmark("relay-tunnels") { report in try await tunnels(&report) },
  ]

  /// - Parameter body: gets a client that asks directly and one that asks through the relay.
  private static func with(
    _ body: (_ agent: Address, _ peers: (direct: PeerClient, relayed: PeerClient)) async throws -> Void
  ) async throws {
    let relay = try RelayProcess()
    defer { relay.stop() }
    try await ServerBenchmarks.with { setting in
      let peers = (direct: try setting.peer(), relayed: try setting.peer(at: try setting.up(relay.url)))
      _ = try await peers.direct.handshake()
      _ = try await peers.relayed.handshake()
      try await body(setting.agent, peers)
    }
  }

  // MARK: Calls

  /// One small call after the other.
  private static func latency(
    _ agent: Address, _ peers: (direct: PeerClient, relayed: PeerClient), _ report: inout Report
  ) async throws {
    var times: (direct: [Double], relayed: [Double]) = ([], [])
    for round in 0..<41 {
      var (direct, relayed): ([Double], [Double]) = ([], [])
      for _ in 0..<50 { relayed.append(try await time(peers.relayed)) }
      for _ in 0..<50 { direct.append(try await time(peers.direct)) }
      // The first round warms both up.
      if round > 0 { (times.direct, times.relayed) = (times.direct + direct, times.relayed + relayed) }
    }
    for percent in [50, 99] {
      let relayed = SideBySide.percentile(percent, of: times.relayed)
      let direct = SideBySide.percentile(percent, of: times.direct)
      report.measurements.append(
        Measurement(
          name: "a small sealed call through a relay, one after the other, p\(percent)", ours: relayed,
          alternative: direct, alternativeName: "directly", unit: "ms", ratio: relayed / direct,
          direction: nil, floor: nil))
      report.readings.append(
        .init(
          name: "what a relay adds to a small sealed call, p\(percent)", value: relayed - direct, unit: "ms"))
    }
  }

  private static func time(_ peer: PeerClient) async throws -> Double {
    try await Stopwatch.milliseconds {
      let answer = try await peer.send("GET", "/models", body: nil)
      precondition(answer.status == 200)
      return answer
    }
  }

  private static func streaming(
    _ agent: Address, _ peers: (direct: PeerClient, relayed: PeerClient), _ report: inout Report
  ) async throws {
    let size = Double(ModelServer.pieces * ModelServer.pieceSize)
    func stream(_ peer: PeerClient) async throws -> Double {
      var count = 0
      let path = "/agents/\(agent.checksummed)/run"
      for try await piece in try await peer.stream("POST", path, body: ServerBenchmarks.question) {
        count += piece.count
      }
      precondition(Double(count) > size)
      return size / 1e6
    }
    let (relayed, direct) = try await Turns.rates(rounds: 9) {
      try await stream(peers.relayed)
    } alternative: {
      try await stream(peers.direct)
    }
    report.measurements.append(
      Measurement(
        name: "a sealed answer streamed through a relay, text of \(ModelServer.pieceSize) bytes a piece",
        ours: relayed, alternative: direct, alternativeName: "directly", unit: "MB/s",
        ratio: relayed / direct, direction: nil, floor: nil))
  }

  // MARK: Tunnels

  private static let count = 1000

  private struct Nobody: TunnelResponder {
    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {}
  }

  /// Opens tunnels, each of a host and an agent of its own, 16 at a time, and leaves them open.
  private static func tunnels(_ report: inout Report) async throws {
    let relay = try RelayProcess()
    defer { relay.stop() }
    let url = try RelayURL(relay.url)
    let master = try MasterKey.generate()
    let keys = try (0..<UInt32(count + 1)).map { try master.agentKey(AgentIndex(rawValue: $0)) }
    // The first one warms the relay up.
    let warm = try await open(keys[count..<count + 1], url)
    let before = relay.residentMemory
    let begun = ContinuousClock.now
    let running = try await open(keys[..<count], url)
    let seconds = Stopwatch.milliseconds(since: begun) / 1000
    let grown = relay.residentMemory - before
    report.readings.append(
      .init(
        name: "tunnels opened and proven (16 at a time)", value: Double(count) / seconds, unit: "a second"))
    report.readings.append(
      .init(
        name: "a relay's memory for an idle tunnel, of 1,000", value: grown * 1024 / Double(count),
        unit: "KiB"))
    for task in running + warm { task.cancel() }
    for task in running + warm { await task.value }
  }

  /// - Returns: The tunnels, each of which ends when its task is cancelled.
  private static func open(
    _ keys: ArraySlice<SigningKey>, _ relay: RelayURL
  ) async throws -> [Task<Void, Never>] {
    try await withThrowingTaskGroup(of: [Task<Void, Never>].self) { group in
      let share = (keys.count + 15) / 16
      for start in stride(from: keys.startIndex, to: keys.endIndex, by: share) {
        let part = keys[start..<min(start + share, keys.endIndex)]
        group.addTask {
          var running: [Task<Void, Never>] = []
          for key in part { running.append(await open(key, relay)) }
          return running
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
  }

  private static func open(_ key: SigningKey, _ relay: RelayURL) async -> Task<Void, Never> {
    let client = TunnelClient(
      .init(relay: relay), clock: ContinuousClock(), unixTime: { Int64(Date().timeIntervalSince1970) },
      handler: Nobody(), key: { _ in key }, check: { _, _ in nil })
    let running = Task { await client.run() }
    await client.expose([key.address])
    for await status in await client.changes() where status.url(of: key.address) != nil { break }
    return running
  }
}
