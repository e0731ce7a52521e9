import Connector
import Foundation

/// What the server does for others while it streams to many.
enum BusyBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("server-busy") { report in try await ServerBenchmarks.with { try await busy($0, &report) } }
  ]

  private static let streams = 200

  private static func busy(_ setting: ServerBenchmarks.Setting, _ report: inout Report) async throws {
    let alone = try await rates(setting)
    let busy = try await OpenStreams.hold(streams, setting, saying: "drip") { try await rates(setting) }
    for (name, ours, alternative) in [
      ("full handshakes", busy.handshakes, alone.handshakes),
      ("sealed requests (GET /models)", busy.requests, alone.requests),
    ] {
      report.measurements.append(
        Measurement(
          name: "\(name), 16 at a time, while \(streams) sealed streams get a piece a second", ours: ours,
          alternative: alternative, alternativeName: "without them", unit: "a second",
          ratio: ours / alternative, direction: nil, floor: nil))
    }
  }

  private static func rates(
    _ setting: ServerBenchmarks.Setting
  ) async throws -> (handshakes: Double, requests: Double) {
    let peer = try setting.peer()
    _ = try await peer.handshake()
    let (handshakes, requests) = try await Turns.rates(rounds: 7) {
      try await Turns.together(16, times: 20) { try await setting.fullHandshake() }
    } alternative: {
      // The handshakes have pushed this session out.
      try await Turns.together(16, times: 60) { _ = try await peer.send("GET", "/models", body: nil) }
    }
    return (handshakes, requests)
  }
}

/// Sealed answers that are under way.
enum OpenStreams {
  /// Keeps so many open while `body` runs.
  static func hold<R: Sendable>(
    _ count: Int, _ setting: ServerBenchmarks.Setting, saying word: String, _ body: () async throws -> R
  ) async throws -> R {
    let path = "/agents/\(setting.agent.checksummed)/run"
    let question = Array(#"{"messages":[{"role":"user","content":"\#(word)"}]}"#.utf8)
    let peer = try setting.peer()
    _ = try await peer.handshake()
    return try await withThrowingTaskGroup(of: Void.self) { group in
      let open = Gate(count)
      for _ in 0..<count {
        group.addTask {
          do {
            var iterator = try await peer.stream("POST", path, body: question).makeAsyncIterator()
            // The role comes first, then a word.
            var seen = ""
            while !seen.contains("xxx"), let piece = try await iterator.next() {
              seen += String(decoding: piece, as: UTF8.self)
            }
            await open.arrive()
            while try await iterator.next() != nil {}
          } catch {
            await open.arrive()
            if !(error is CancellationError) { print("a stream failed: \(error)") }
          }
        }
      }
      await open.everybody()
      defer { group.cancelAll() }
      return try await body()
    }
  }
}
