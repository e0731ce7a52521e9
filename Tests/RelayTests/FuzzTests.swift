import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOWebSocket
import TestSupport
import Testing

@testable import Relay

/// Whatever a host says, the relay goes on for everybody else. By default a few rounds; at length in the long mode.
@Suite("Hostile hosts", .timeLimit(.minutes(1440)))
struct FuzzTests {
  private static let bystander = TestKey.make(1)
  private static let attacker = TestKey.make(2)

  @Test("no message is more than the end of its tunnel, before the proof and after it")
  func fuzz() async throws {
    let settings = RelayLab.settings { settings in
      settings.limits.authTimeout = .seconds(60)
      settings.limits.controlFramesPerMinute = 1_000_000
    }
    try await RelayLab.run(settings) { lab in
      var host = try await TestHost.authenticated(lab, [Self.bystander])
      for seed in Rounds.seeds(few: 40, many: 20_000) {
        try await round(lab, seed)
        guard seed % 10 == 0 else { continue }
        async let answer = Caller.ask(lab, host: RelayLab.name(of: Self.bystander.address))
        let request = try await host.request()
        try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
        let status = try await answer.status
        try #require(status == 200, "seed \(seed)")
      }
      try await eventually {
        lab.board.tunnels.total == 1 && lab.board.directory.count == 1 && lab.board.budget.used == 0
          && lab.board.answering.count == 0
      }
    }
  }

  private func round(_ lab: RelayLab, _ seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    let isProven = Bool.random(using: &generator)
    var host: TestHost
    var id = "5f3c0b1e-7d3b-8a61-8d5e-2f0f6f9f6a11"
    if isProven {
      host = try await TestHost.authenticated(lab, [Self.attacker])
    } else {
      host = try await TestHost.connect(lab)
    }
    let caller: Caller?
    if isProven, Bool.random(using: &generator) {
      caller = try await Caller.connect(lab)
      try await caller?.send(.GET, "/", host: RelayLab.name(of: Self.attacker.address))
      id = try await host.request().id.text
    } else {
      caller = nil
    }
    for _ in 0..<Int.random(in: 1...12, using: &generator) {
      var fuzzer = FrameFuzzer(generator: generator, id: id, nonce: host.nonce?.text ?? "")
      let message = fuzzer.message()
      generator = fuzzer.generator
      let opcode: WebSocketOpcode = Int.random(in: 0..<20, using: &generator) == 0 ? .binary : .text
      // It may have closed by now.
      do { try await host.say(message, opcode: opcode) } catch { break }
    }
    await host.close()
    await caller?.close()
    try await eventually { lab.board.directory.count == 1 }
  }

  @Test("no bytes crash the reader of frames", arguments: Rounds.seeds())
  func reader(seed: UInt64) {
    var fuzzer = FrameFuzzer(generator: SeededGenerator(seed: seed), id: "a", nonce: "b")
    for _ in 0..<2000 {
      let message = fuzzer.message()
      _ = try? HostFrame(message)
      if let frame = try? RelayFrame(message) { _ = try? RelayFrame(frame.encoded) }
    }
  }
}

/// Makes up messages: frames with something wrong, and noise.
private struct FrameFuzzer {
  var generator: SeededGenerator
  let id: String
  let nonce: String

  private static let types = [
    "auth", "add_agent", "remove_agent", "request_challenge", "pong", "response", "stream_start",
    "stream_chunk",
    "stream_end", "cancel", "challenge", "auth_ok", "request", "ping", "dance", "",
  ]
  private static let names = [
    "agents", "address", "signature", "nonce", "timestamp", "ts", "id", "status", "headers", "body",
    "bodyEncoding",
    "data", "method", "path", "error", "rejected", "features", "url", "x",
  ]

  mutating func message() -> ByteBuffer {
    var bytes = Array(object(0).utf8)
    switch Int.random(in: 0..<8, using: &generator) {
    case 0:
      bytes = (0..<Int.random(in: 0..<64, using: &generator)).map { _ in
        .random(in: 0...255, using: &generator)
      }
    case 1: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
    case 2, 3:
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: 0...255, using: &generator)
      }
    case 4: bytes += bytes
    default: break
    }
    return ByteBuffer(bytes: bytes)
  }

  private mutating func object(_ depth: Int) -> String {
    var members = [#""type":\#(value(for: "type", depth))"#]
    for _ in 0..<Int.random(in: 0..<8, using: &generator) {
      let name = Self.names.randomElement(using: &generator) ?? "x"
      members.append(#""\#(name)":\#(value(for: name, depth))"#)
    }
    members.shuffle(using: &generator)
    return "{" + members.joined(separator: ",") + "}"
  }

  private mutating func value(for name: String, _ depth: Int) -> String {
    if Bool.random(using: &generator) {
      switch name {
      case "type": return "\"\(Self.types.randomElement(using: &generator) ?? "")\""
      case "id": return "\"\(id)\""
      case "nonce": return "\"\(nonce)\""
      case "status": return "\(Int.random(in: -10...1000, using: &generator))"
      case "timestamp", "ts": return "\(Int64(Date().timeIntervalSince1970))"
      case "headers": return #"{"content-type":"text/plain","x":"y"}"#
      case "body", "data": return #""text\n\u00e9""#
      case "bodyEncoding": return #""base64""#
      case "address": return #""0x1a642f0e3c3af545e7acbd38b07251b3990914f1""#
      default: break
      }
    }
    switch Int.random(in: 0..<14, using: &generator) {
    case 0: return "null"
    case 1: return "true"
    case 2: return "-1e400"
    case 3: return "99999999999999999999999999"
    case 4: return "\"\""
    case 5: return #""\ud83e\udd95\u0000""#
    case 6: return #""\ud83e""#
    case 7: return "[]"
    case 8: return String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
    case 9: return "\"" + String(repeating: "A", count: Int.random(in: 0..<5000, using: &generator)) + "\""
    case 10: return "[\(depth > 3 ? "1" : object(depth + 1)),null,\"x\"]"
    case 11: return depth > 3 ? "{}" : object(depth + 1)
    case 12: return "0.5"
    default: return "\(Int64.random(in: .min ... .max, using: &generator))"
    }
  }
}
