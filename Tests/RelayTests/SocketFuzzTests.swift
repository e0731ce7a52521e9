import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing

@testable import Relay

/// Bytes that are almost right, on real sockets. By default for a few seconds; at length in the long mode.
@Suite("Hostile bytes", .timeLimit(.minutes(1440)))
struct SocketFuzzTests {
  private static let bystander = TestKey.make(1)
  private static let attacker = TestKey.make(2)

  private static var settings: RelaySettings {
    RelayLab.settings { settings in
      settings.limits.controlFramesPerMinute = 1_000_000
      settings.limits.closeTimeout = .milliseconds(20)
      settings.limits.bodyBytes = 1 << 20
    }
  }

  /// Lets `attack` do its worst over and over, and sees that a bystander is served between, and that nothing is left at the end.
  private func survive(
    few: Int, many: Int, _ attack: @Sendable (RelayLab, inout SeededGenerator) async throws -> Void
  ) async throws {
    try await RelayLab.run(Self.settings) { lab in
      var host = try await TestHost.authenticated(lab, [Self.bystander])
      let before = Self.residentBytes()
      for seed in Rounds.seeds(few: few, many: many) {
        var generator = SeededGenerator(seed: seed)
        try await attack(lab, &generator)
        guard seed % 20 == 0 else { continue }
        async let answer = Caller.ask(lab, host: RelayLab.name(of: Self.bystander.address))
        let request = try await host.request()
        try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
        let status = try await answer.status
        try #require(status == 200, "seed \(seed)")
      }
      try await eventually {
        lab.board.tunnels.total == 1 && lab.board.connections.total == 1 && lab.board.directory.count == 1
          && lab.board.budget.used == 0 && lab.board.answering.count == 0
      }
      // What is used up in each round would be more by far.
      #expect(Self.residentBytes() - before < 192 << 20)
    }
  }

  private static func residentBytes() -> Int {
    let text = (try? FileHandle(forReadingFrom: URL(filePath: "/proc/self/statm")).readToEnd()) ?? Data()
    let numbers = String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { Int($0) }
    return (numbers.count > 1 ? numbers[1] : 0) * 4096
  }

  // MARK: Tunnels

  @Test("whatever comes as WebSocket frames, before the proof and after it, ends one tunnel at most")
  func frames() async throws {
    try await survive(few: 60, many: 20_000) { lab, generator in
      var socket = try await RawCaller.connect(lab)
      try await socket.send(
        "GET /tunnel/connect HTTP/1.1\r\nhost: relay.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
          + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
      let greeting = await socket.read(until: "}")
      guard let match = greeting.firstMatch(of: /"nonce":"([0-9a-f]{64})"/),
        let nonce = TunnelNonce(match.1)
      else { throw TestHost.Unexpected(event: greeting) }
      let time = Int64(Date().timeIntervalSince1970)
      let proof = HostFrame.auth(
        TunnelAuthentication(
          agents: [AgentProof(by: Self.attacker, nonce: nonce, timestamp: time)], nonce: nonce,
          timestamp: time, features: [.base64, .cancel, .flow]))
      if Bool.random(using: &generator) {
        try await socket.send(Self.frame(proof.encoded, &generator, isWrong: false))
        _ = await socket.read(until: "auth_ok")
      }
      var words: [ByteBuffer] = [
        proof.encoded, HostFrame.requestChallenge.encoded, HostFrame.pong(time).encoded,
        HostFrame.removeAgent(Self.attacker.address).encoded,
        HostFrame.streamEnd(RequestID("11111111-2222-4333-8444-555555555555")!).encoded,
      ]
      words.append(ByteBuffer(repeating: UInt8(ascii: "["), count: 3000))
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        guard let word = words.randomElement(using: &generator) else { continue }
        do { try await socket.send(Self.frame(word, &generator, isWrong: true)) } catch { break }
      }
      try? await socket.channel.close()
    }
  }

  /// A WebSocket frame of a client's. (RFC 6455 §5.2)
  private static func frame(
    _ payload: ByteBuffer, _ generator: inout SeededGenerator, isWrong: Bool
  ) -> ByteBuffer {
    func byte() -> UInt8 { .random(in: 0...255, using: &generator) }
    func chance(_ number: Int) -> Bool { isWrong && Int.random(in: 0..<number, using: &generator) == 0 }
    var payload = Array(payload.readableBytesView)
    for _ in 0..<(chance(2) ? Int.random(in: 1...5, using: &generator) : 0) where !payload.isEmpty {
      payload[Int.random(in: payload.indices, using: &generator)] = byte()
    }
    var bytes: [UInt8] = [chance(4) ? byte() : 0x81]
    let isMasked = !chance(10)
    let flag: UInt8 = isMasked ? 0x80 : 0
    // A length that is not the payload's, or is written longer than it has to be.
    let length = chance(8) ? Int.random(in: 0...200_000, using: &generator) : payload.count
    if chance(20) {
      bytes += [flag | 127] + (0..<8).map { _ in byte() }
    } else if length < 126 && !chance(10) {
      bytes.append(flag | UInt8(length))
    } else if length < 65_536 && !chance(10) {
      bytes += [flag | 126, UInt8(length >> 8), UInt8(length & 255)]
    } else {
      bytes += [flag | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
    }
    let mask = (0..<4).map { _ in byte() }
    if isMasked { bytes += mask }
    bytes += payload.enumerated().map { isMasked ? $1 ^ mask[$0 % 4] : $1 }
    if chance(8) { bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator))) }
    if chance(8) { bytes += (0..<Int.random(in: 1...50, using: &generator)).map { _ in byte() } }
    return ByteBuffer(bytes: bytes)
  }

  // MARK: Callers

  @Test("whatever comes as requests is answered or cut, and reaches a host only as a request")
  func requests() async throws {
    let agent = Self.attacker.address
    let seeds = [
      "GET /x?y=z HTTP/1.1\r\nhost: \(RelayLab.name(of: agent))\r\naccept: */*\r\n\r\n",
      "POST /x HTTP/1.1\r\nhost: relay.test\r\ncontent-length: 5\r\n\r\nhello",
      "POST /a/\(agent.lowercased)/x HTTP/1.1\r\nhost: relay.test\r\ntransfer-encoding: chunked\r\n\r\n"
        + "5\r\nhello\r\n0\r\n\r\n",
      "GET /tunnel/connect HTTP/1.1\r\nhost: relay.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      "HEAD /health HTTP/1.0\r\nhost: [::1]:80\r\nx-forwarded-for: 1.2.3.4\r\nconnection: keep-alive\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nhost: relay.test\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
    ]
    let pieces = [
      "\r\n", "\r", "\n", "\0", " ", ":", ",", "host: relay.test\r\n",
      "content-length: 99999999999999999999\r\n",
      "content-length: -1\r\n", "transfer-encoding: chunked\r\n", "HTTP/1.1", "HTTP/9.9", "%00", "..//", "é",
      "ffffffffffffffff\r\n", "0\r\n\r\n", String(repeating: "a", count: 5000), "@", "#", "http://x/",
    ]
    try await survive(few: 100, many: 40_000) { lab, generator in
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes += Array((seeds.randomElement(using: &generator) ?? "").utf8)
      }
      for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: bytes.indices, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = .random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: place)
        case 2: bytes = Array(bytes.prefix(place))
        default:
          bytes.insert(contentsOf: Array((pieces.randomElement(using: &generator) ?? "").utf8), at: place)
        }
      }
      var caller = try await RawCaller.connect(lab)
      // In one piece or in two: what is read at once is not what was sent at once.
      let cut = Int.random(in: 0...bytes.count, using: &generator)
      for part in [bytes.prefix(cut), bytes.dropFirst(cut)] where !part.isEmpty {
        do { try await caller.send(ByteBuffer(bytes: part)) } catch { break }
      }
      try? await caller.channel.close(mode: .output)
      let answer = await caller.read(until: "\r\n\r\n")
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1."))
      try? await caller.channel.close()
    }
  }
}
