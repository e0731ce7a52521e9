import Foundation
import Identity
import NIOCore
import NIOHTTP1
import Testing

@testable import Relay

/// What strangers send through a relay to a host of ours: whatever it is, they have an answer, and the tunnel stays.
@Suite("Requests that a host does not take", .timeLimit(.minutes(5)))
struct LargeRequestTests {
  private static let key = TestKey.make(1)
  private static let name = RelayLab.name(of: key.address)

  /// Answers how many bytes and header fields came.
  private struct Counter: TunnelResponder {
    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {
      let text = "\(request.body.readableBytes) \(request.headers.fields.count)"
      try? await answer.send(status: 200, headers: [:], body: ByteBuffer(string: text))
    }
  }

  /// A relay, and a host whose tunnel has to be the same at the end as at the beginning.
  private func run(
    _ change: @escaping @Sendable (inout RelaySettings) -> Void = { _ in },
    _ body: @escaping @Sendable (RelayLab) async throws -> Void
  ) async throws {
    let settings = RelayLab.settings { settings in
      settings.names = [RelayName("127.0.0.1")!]
      change(&settings)
    }
    try await RelayLab.run(settings) { lab in
      let key = Self.key
      let client = TunnelClient(
        .init(relay: try RelayURL("ws://127.0.0.1:\(lab.port)")), clock: ContinuousClock(),
        unixTime: { Int64(Date().timeIntervalSince1970) }, handler: Counter(), key: { _ in key },
        check: { _, _ in nil })
      let running = Task { await client.run() }
      await client.expose([key.address])
      try await eventually { await client.status.isProven(key.address) }
      let result: Result<Void, any Error>
      do {
        try await body(lab)
        let after = try await Caller.ask(lab, .POST, host: Self.name, body: ByteBuffer(string: "hello"))
        #expect(after.status == 200 && after.text.hasPrefix("5 "))
        #expect(lab.board.statistics.snapshot().connected == 1)
        try await eventually { lab.board.budget.used == 0 }
        result = .success(())
      } catch {
        result = .failure(error)
      }
      running.cancel()
      await running.value
      try result.get()
    }
  }

  private static func fields(_ count: Int) -> HTTPHeaders {
    HTTPHeaders((0..<count).map { ("x-\($0)", "y") })
  }

  @Test("as many header fields as the relay reads are more than it hands on with its own")
  func manyFields() async throws {
    try await run { lab in
      let full = try await Caller.ask(lab, host: Self.name, headers: Self.fields(198))
      #expect(full.status == 200 && full.text == "0 200")
      let tooMany = try await Caller.ask(lab, host: Self.name, headers: Self.fields(199))
      #expect(tooMany.status == 431 && tooMany.text == #"{"error":"headers_too_large"}"#)
    }
  }

  @Test("a header of quotes and backslashes arrives, though it is written twice as long")
  func quotes() async throws {
    try await run { lab in
      for byte in ["\"", "\\"] {
        let headers: HTTPHeaders = ["x": String(repeating: byte, count: 40_000)]
        let answer = try await Caller.ask(lab, host: Self.name, headers: headers)
        #expect(answer.status == 200)
      }
    }
  }

  @Test("a body that would be six times as long as text arrives in base64")
  func controlBytes() async throws {
    try await run { lab in
      let body = ByteBuffer(repeating: 1, count: 3_700_000)
      let answer = try await Caller.ask(lab, .POST, host: Self.name, body: body)
      #expect(answer.status == 200 && answer.text.hasPrefix("3700000 "))
    }
  }

  @Test("and is too long for a host that does not understand base64, which keeps its tunnel")
  func controlBytesAsText() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.key], features: [])
      let refused = try await Caller.ask(
        lab, .POST, host: Self.name, body: ByteBuffer(repeating: 1, count: 3_700_000))
      #expect(refused.status == 413 && refused.text == #"{"error":"body_too_large"}"#)
      async let answer = Caller.ask(lab, .POST, host: Self.name, body: ByteBuffer(repeating: 1, count: 100))
      let request = try await host.request()
      #expect(request.body == ByteBuffer(repeating: 1, count: 100))
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
      #expect(try await answer.status == 200)
      try await eventually { lab.board.budget.used == 0 }
    }
  }

  @Test("what a relay allows and the host does not is refused by the host, for that caller alone")
  func generousRelay() async throws {
    let generous: @Sendable (inout RelaySettings) -> Void = { settings in
      settings.limits.bodyBytes = 12 << 20
      settings.limits.headerFields = 1000
      settings.limits.headerBytes = 200 << 10
    }
    try await run(generous) { lab in
      let body = try await Caller.ask(
        lab, .POST, host: Self.name, body: ByteBuffer(repeating: 65, count: 11 << 20))
      #expect(body.status == 413 && body.text == #"{"error":"body_too_large"}"#)
      for headers in [Self.fields(300), ["x": String(repeating: "y", count: 150_000)]] {
        let answer = try await Caller.ask(lab, host: Self.name, headers: headers)
        #expect(answer.status == 431 && answer.text == #"{"error":"headers_too_large"}"#)
      }
    }
  }
}
