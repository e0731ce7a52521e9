import AsyncHTTPClient
import Connector
import Foundation
import NIOCore

/// From `connect pair` to the first sealed answer, by the command itself; the owner, who thinks for no time, is a
/// program at the control socket.
enum PairingBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("pairing") { report in try await ServerBenchmarks.with { try await pairing($0, &report) } }
  ]

  private static func pairing(_ setting: ServerBenchmarks.Setting, _ report: inout Report) async throws {
    var times: [Double] = []
    for _ in 0..<9 {
      async let said: Void = sayYes(setting)
      // The command ends once it has been answered through the channel.
      times.append(try await Stopwatch.milliseconds { try await pair(setting) })
      try await said
    }
    report.readings.append(
      .init(
        name: "from exec of 'connect pair' to the first sealed answer and its end",
        value: SideBySide.median(times),
        unit: "ms"))
  }

  private struct Listing: Decodable {
    struct Request: Decodable { let id: String }
    let revision: UInt64
    let requests: [Request]
  }

  /// Waits for somebody who asks, and lets them in.
  private static func sayYes(_ setting: ServerBenchmarks.Setting) async throws {
    var listing = try await control(setting, "/control/pair/requests")
    while listing.requests.isEmpty {
      listing = try await control(setting, "/control/pair/changes?after=\(listing.revision)")
    }
    var request = HTTPClientRequest(
      url: url(setting, "/control/pair/requests/\(listing.requests[0].id)/approve"))
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.body = .bytes(ByteBuffer(string: #"{"permanent":false}"#))
    let answer = try await setting.plain.execute(request, timeout: .seconds(60))
    precondition(answer.status == .ok)
    _ = try await answer.body.collect(upTo: 1 << 20)
  }

  private static func control(_ setting: ServerBenchmarks.Setting, _ path: String) async throws -> Listing {
    let answer = try await setting.plain.execute(
      HTTPClientRequest(url: url(setting, path)), timeout: .seconds(60))
    let body = try await answer.body.collect(upTo: 1 << 20)
    return try JSONDecoder().decode(Listing.self, from: Data(body.readableBytesView))
  }

  private static func url(_ setting: ServerBenchmarks.Setting, _ path: String) -> String {
    URL(httpURLWithSocketPath: setting.controlSocket, uri: path)?.absoluteString ?? ""
  }

  private static func pair(_ setting: ServerBenchmarks.Setting) async throws {
    let home = "/tmp/osaurus-bench-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: home) }
    let process = Process()
    process.executableURL = URL(filePath: ServerBenchmarks.program)
    process.arguments = [
      "connect", "pair", "--url", setting.url, "--agent", setting.agent.checksummed, "--keystore", "file",
    ]
    process.environment = ["OSAURUS_HOME": home, "HOME": home, "PATH": "/usr/bin:/bin"]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    let status = await withCheckedContinuation { continuation in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { continuation.resume(returning: -1) }
    }
    precondition(status == 0)
  }
}
