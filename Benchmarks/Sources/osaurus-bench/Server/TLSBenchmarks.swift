import AsyncHTTPClient
import Connector
import Foundation
import NIOCore
import NIOSSL
import SecureChannel

/// The channel against TLS 1.3 by nginx on the same machine, in front of the same host.
enum TLSBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("tls-handshakes") { report in try await with { try await handshakes($0, $1, &report) } },
    Benchmark("tls-requests") { report in try await with { try await requests($0, $1, &report) } },
    Benchmark("tls-latency") { report in try await with { try await latency($0, $1, &report) } },
    Benchmark("tls-streaming") { report in try await with { try await streaming($0, $1, &report) } },
  ]

  /// How the host is asked through nginx.
  struct Tunnel: Sendable {
    let url: String
    let client: HTTPClient

    func request(_ setting: ServerBenchmarks.Setting, _ path: String, _ body: [UInt8]? = nil)
      -> HTTPClientRequest
    {
      var request = setting.request(path, body)
      request.url = url + path
      return request
    }
  }

  private static func with(
    _ body: (ServerBenchmarks.Setting, Tunnel) async throws -> Void
  ) async throws {
    guard let program = Nginx.program else {
      return FileHandle.standardError.write(Data("not measured: there is no nginx\n".utf8))
    }
    try await ServerBenchmarks.with { setting in
      let nginx = try Nginx(program: program, before: setting.url)
      defer { nginx.stop() }
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.minimumTLSVersion = .tlsv13
      tls.trustRoots = .file(nginx.certificate)
      var configuration = HTTPClient.Configuration(
        tlsConfiguration: tls, redirectConfiguration: .disallow)
      configuration.httpVersion = .http1Only
      configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 2000
      let client = HTTPClient(configuration: configuration)
      do {
        try await body(setting, Tunnel(url: nginx.url, client: client))
      } catch {
        try? await client.shutdown()
        throw error
      }
      try await client.shutdown()
    }
  }

  /// Everything from the connection on, to the point where the client knows whom it talks to, and one answer.
  private static func handshakes(
    _ setting: ServerBenchmarks.Setting, _ tunnel: Tunnel, _ report: inout Report
  ) async throws {
    let (ours, theirs) = try await Turns.rates(rounds: 7) {
      try await Turns.together(16, times: 20) { try await setting.fullHandshake(isLast: true) }
    } alternative: {
      try await Turns.together(16, times: 20) {
        var request = HTTPClientRequest(url: tunnel.url + "/nothing")
        request.headers.add(name: "Connection", value: "close")
        let answer = try await tunnel.client.execute(request, timeout: .seconds(60))
        _ = try await answer.body.collect(upTo: 1 << 20)
      }
    }
    report.measurements.append(
      Measurement(
        name: "full handshakes, each on a connection of its own (16 at a time)", ours: ours,
        alternative: theirs, alternativeName: "TLS 1.3 by nginx, P-256, no resumption", unit: "a second",
        ratio: ours / theirs, direction: nil, floor: nil))
  }

  private static func requests(
    _ setting: ServerBenchmarks.Setting, _ tunnel: Tunnel, _ report: inout Report
  ) async throws {
    let peer = try setting.peer()
    _ = try await peer.handshake()
    let (ours, theirs) = try await Turns.rates(rounds: 7) {
      try await Turns.together(16, times: 60) { _ = try await peer.send("GET", "/models", body: nil) }
    } alternative: {
      try await Turns.together(16, times: 60) {
        let answer = try await tunnel.client.execute(
          tunnel.request(setting, "/models"), timeout: .seconds(60))
        _ = try await answer.body.collect(upTo: 1 << 20)
      }
    }
    report.measurements.append(
      Measurement(
        name: "sealed requests (GET /models, 16 at a time)", ours: ours, alternative: theirs,
        alternativeName: "the same in plaintext through nginx's TLS 1.3", unit: "a second",
        ratio: ours / theirs, direction: nil, floor: nil))
  }

  /// One call after the other.
  private static func latency(
    _ setting: ServerBenchmarks.Setting, _ tunnel: Tunnel, _ report: inout Report
  ) async throws {
    let peer = try setting.peer()
    _ = try await peer.handshake()
    var times: (ours: [Double], theirs: [Double]) = ([], [])
    for round in 0..<41 {
      var (ours, theirs): ([Double], [Double]) = ([], [])
      for _ in 0..<50 {
        ours.append(
          try await Stopwatch.milliseconds { try await peer.send("GET", "/models", body: nil) })
      }
      for _ in 0..<50 {
        theirs.append(
          try await Stopwatch.milliseconds {
            let answer = try await tunnel.client.execute(
              tunnel.request(setting, "/models"), timeout: .seconds(60))
            return try await answer.body.collect(upTo: 1 << 20)
          })
      }
      // The first round warms both up.
      if round > 0 { (times.ours, times.theirs) = (times.ours + ours, times.theirs + theirs) }
    }
    for percent in [50, 99] {
      let ours = SideBySide.percentile(percent, of: times.ours)
      let theirs = SideBySide.percentile(percent, of: times.theirs)
      report.measurements.append(
        Measurement(
          name: "a small sealed call, one after the other, p\(percent)", ours: ours, alternative: theirs,
          alternativeName: "through nginx's TLS 1.3", unit: "ms", ratio: ours / theirs, direction: nil,
          floor: nil))
    }
  }

  private static func streaming(
    _ setting: ServerBenchmarks.Setting, _ tunnel: Tunnel, _ report: inout Report
  ) async throws {
    let path = "/agents/\(setting.agent.checksummed)/run"
    let peer = try setting.peer()
    let size = Double(ModelServer.pieces * ModelServer.pieceSize)
    let (ours, theirs) = try await Turns.rates(rounds: 7) {
      var count = 0
      for try await piece in try await peer.stream("POST", path, body: ServerBenchmarks.question) {
        count += piece.count
      }
      precondition(Double(count) > size)
      return size / 1e6
    } alternative: {
      var count = 0
      let request = tunnel.request(setting, path, ServerBenchmarks.question)
      let answer = try await tunnel.client.execute(request, timeout: .seconds(60))
      for try await piece in answer.body { count += piece.readableBytes }
      precondition(Double(count) > size)
      return size / 1e6
    }
    report.measurements.append(
      Measurement(
        name: "an answer streamed, text of \(ModelServer.pieceSize) bytes a piece", ours: ours,
        alternative: theirs, alternativeName: "in plaintext through nginx's TLS 1.3", unit: "MB/s",
        ratio: ours / theirs, direction: nil, floor: nil))
  }
}

extension ServerBenchmarks.Setting {
  /// A handshake from the hello to the session that both ends have.
  /// - Parameter isLast: whether the connection ends with it.
  func fullHandshake(isLast: Bool = false) async throws {
    let handshake = ClientHandshake(with: agent)
    var request = HTTPClientRequest(url: url + "/secure/session")
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    if isLast { request.headers.add(name: "Connection", value: "close") }
    request.body = .bytes(ByteBuffer(bytes: handshake.hello.encoded()))
    let answer = try await plain.execute(request, timeout: .seconds(60))
    precondition(answer.status == .ok)
    let body = try await answer.body.collect(upTo: 1 << 20)
    let hello = try body.withUnsafeReadableBytes { try ServerHello(parsing: $0) }
    consume(try handshake.finish(hello, now: Int64(Date().timeIntervalSince1970)))
  }
}
