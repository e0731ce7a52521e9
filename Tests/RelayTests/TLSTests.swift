import Foundation
import Identity
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import TestSupport
import Testing

@testable import Relay

/// A relay that encrypts connections itself, and hosts that look whom they reach.
@Suite("TLS of a relay", .timeLimit(.minutes(5)))
struct TLSTests {
  private static let key = TestKey.make(1)

  private func settings(
    _ files: TestAuthority.Files, _ change: (inout RelaySettings) -> Void = { _ in }
  ) -> RelaySettings {
    RelayLab.settings { settings in
      settings.certificate = .init(certificate: files.certificate, key: files.key)
      settings.names = [RelayName("localhost")!, RelayName("127.0.0.1")!]
      change(&settings)
    }
  }

  /// What a caller needs that trusts this authority alone.
  private func trusting(_ authority: TestAuthority) throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = .file(authority.file)
    return try NIOSSLContext(configuration: configuration)
  }

  // MARK: Callers

  @Test("callers are served under the relay's certificate, and never in the clear")
  func serves() async throws {
    let authority = try TestAuthority()
    try await RelayLab.run(settings(try authority.issue("relay", for: [RelayLab.domain]))) { lab in
      var caller = try await Caller.connect(lab, tls: try trusting(authority))
      try await caller.send(.GET, "/health")
      #expect(try await caller.answer().text == #"{"status":"ok","tunnels":0}"#)
      var plain = try await RawCaller.connect(lab)
      try await plain.send("GET /health HTTP/1.1\r\nhost: relay.test\r\n\r\n")
      #expect(await !plain.rest().text.contains("HTTP"))
    }
  }

  @Test(
    "a connection that never comes to speak TLS is given up when a request would have been due",
    arguments: [[], [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]] as [[UInt8]])
  func noHandshake(start: [UInt8]) async throws {
    let authority = try TestAuthority()
    let files = try authority.issue("relay", for: [RelayLab.domain])
    try await RelayLab.run(settings(files) { $0.limits.headTimeout = .milliseconds(100) }) { lab in
      let raw = try await RawCaller.connect(lab)
      try await eventually { lab.board.connections.total == 1 }
      if !start.isEmpty { try await raw.send(ByteBuffer(bytes: start)) }
      try await eventually { lab.board.connections.total == 0 }
      try? await raw.channel.close()
    }
  }

  @Test(
    "a stream that breaks off is no whole answer for a caller of HTTP/1.0, whom only the end of the connection tells of its end"
  )
  func brokenStream() async throws {
    let authority = try TestAuthority()
    try await RelayLab.run(settings(try authority.issue("relay", for: [RelayLab.domain]))) { lab in
      var host = try await TestHost.authenticated(lab, [Self.key], tls: try trusting(authority))
      for isBroken in [true, false] {
        var raw = try await RawCaller.connect(lab, tls: try trusting(authority))
        try await raw.send("GET / HTTP/1.0\r\nhost: \(RelayLab.name(of: Self.key.address))\r\n\r\n")
        let request = try await host.request()
        try await host.say(.streamStart(RelayAnswerHead(id: request.id, status: 200)))
        try await host.say(.streamChunk(request.id, ByteBuffer(string: "half")))
        _ = await raw.read(until: "half")
        try await host.say(isBroken ? .cancel(request.id) : .streamEnd(request.id))
        #expect(await raw.rest().wasReset == isBroken)
      }
    }
  }

  // MARK: Hosts

  private struct Echo: TunnelResponder {
    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {
      try? await answer.send(status: 200, headers: [:], body: request.body)
    }
  }

  /// Runs a host's end that trusts these authorities while `body` does.
  private func withHost(
    at url: String, trusting roots: NIOSSLTrustRoots, _ body: (TunnelClient) async throws -> Void
  ) async throws {
    var configuration = TunnelClient.Configuration(relay: try RelayURL(url))
    configuration.trust = roots
    let key = Self.key
    let client = TunnelClient(
      configuration, clock: ContinuousClock(), unixTime: { Int64(Date().timeIntervalSince1970) },
      handler: Echo(), key: { _ in key }, check: { _, _ in nil })
    let running = Task { await client.run() }
    await client.expose([key.address])
    let result: Result<Void, any Error>
    do { result = .success(try await body(client)) } catch { result = .failure(error) }
    running.cancel()
    await running.value
    try result.get()
  }

  /// Waits until its agent is there, or the tunnel has broken.
  private func outcome(of client: TunnelClient) async -> TunnelStatus.Connection {
    for await status in await client.changes() {
      if status.isProven(Self.key.address) { return .open }
      if case .waiting = status.connection { return status.connection }
    }
    return .off
  }

  @Test("a host opens its tunnel to the name, or the address, that the relay's certificate is good for")
  func trusted() async throws {
    let authority = try TestAuthority()
    let files = try authority.issue("relay", for: ["localhost", "127.0.0.1"])
    try await RelayLab.run(settings(files)) { lab in
      for place in ["localhost", "127.0.0.1"] {
        try await withHost(at: "wss://\(place):\(lab.port)", trusting: .file(authority.file)) { client in
          #expect(await outcome(of: client) == .open)
        }
        try await eventually { lab.board.tunnels.total == 0 }
      }
    }
  }

  @Test("a host says nothing to a relay whose certificate nobody vouches for, or that is for another name")
  func refused() async throws {
    let (authority, other) = (try TestAuthority(), try TestAuthority())
    let good = try authority.issue("good", for: ["localhost", "127.0.0.1"])
    let named = try authority.issue("named", for: ["relay.test", "*.localhost"])
    let unknown = TunnelFault.unreachable(
      reason: "its certificate is not good for this name, or it speaks no TLS")
    let cases: [(TestAuthority.Files, String, NIOSSLTrustRoots)] = [
      (good, "localhost", .file(other.file)), (good, "localhost", .default),
      (named, "localhost", .file(authority.file)), (named, "127.0.0.1", .file(authority.file)),
    ]
    for (files, place, roots) in cases {
      try await RelayLab.run(settings(files)) { lab in
        try await withHost(at: "wss://\(place):\(lab.port)", trusting: roots) { client in
          guard case .waiting(let fault, _) = await outcome(of: client) else {
            Issue.record("a tunnel to \(place) was opened")
            return
          }
          #expect(fault == unknown)
        }
        let seen = lab.board.statistics.snapshot()
        #expect(seen.connected == 0 && seen.unproven == 0)
      }
    }
    // Nor does it go on in the clear.
    try await RelayLab.run(RelayLab.settings { $0.names = [RelayName("localhost")!] }) { lab in
      try await withHost(at: "wss://localhost:\(lab.port)", trusting: .file(authority.file)) { client in
        #expect(await outcome(of: client) != .open)
      }
    }
  }

  // MARK: Other certificates

  @Test("another certificate is used from the next connection on, and the tunnels that are open stay")
  func reloaded() async throws {
    let (old, new) = (try TestAuthority(), try TestAuthority())
    let names = ["localhost", RelayLab.domain, "*.\(RelayLab.domain)"]
    let files = try old.issue("relay", for: names)
    try await RelayLab.run(settings(files), certificateInterval: .milliseconds(50)) { lab in
      try await withHost(at: "wss://localhost:\(lab.port)", trusting: .file(old.file)) { client in
        #expect(await outcome(of: client) == .open)
        try new.issue("relay", for: names, in: files)
        let (before, after) = (try trusting(old), try trusting(new))
        try await eventually { (try? await Self.ask(lab, after)) == "hello" }
        await #expect(throws: (any Error).self) { try await Self.ask(lab, before) }
        #expect(await client.status.connection == .open)
      }
    }
  }

  /// What the agent answers to a caller.
  private static func ask(_ lab: RelayLab, _ tls: NIOSSLContext) async throws -> String {
    var caller = try await Caller.connect(lab, tls: tls)
    defer { caller.channel.close(promise: nil) }
    try await caller.send(
      .POST, "/", host: RelayLab.name(of: key.address), body: ByteBuffer(string: "hello"))
    return try await caller.answer().text
  }

  @Test("half of a new certificate is not used")
  func renewal() throws {
    let authority = try TestAuthority()
    let files = try authority.issue("relay", for: [RelayLab.domain])
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let source = try CertificateSource(
      .init(certificate: files.certificate, key: files.key), logger: logger)
    let first = source.context
    #expect(!source.refresh() && source.context === first)
    try Data("half".utf8).write(to: URL(filePath: files.certificate))
    #expect(!source.refresh() && source.context === first)
    try authority.issue("relay", for: [RelayLab.domain])
    #expect(source.refresh() && source.context !== first)
  }

  @Test("files that are no certificate are refused before anything is served")
  func unusable() throws {
    let missing = RelaySettings.CertificateFiles(certificate: "/nowhere/chain.pem", key: "/nowhere/key.pem")
    #expect(throws: RelayError.self) { try CertificateSource(missing, logger: Logger(label: "test")) }
  }
}
