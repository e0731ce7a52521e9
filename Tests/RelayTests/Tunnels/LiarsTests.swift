import Identity
import NIOCore
import NIOHTTP1
import Testing

@testable import Relay

/// Hosts that answer what they were not asked.
@Suite("Hosts that lie", .timeLimit(.minutes(5)))
struct LiarsTests {
  private static let ada = TestKey.make(1)
  private static let eve = TestKey.make(2)

  /// Everything that a host can say about a request.
  private static func words(about id: RequestID) -> [HostFrame] {
    let lie = ByteBuffer(string: "lies")
    return [
      .answer(RelayAnswer(id: id, status: 200, body: lie)),
      .streamStart(RelayAnswerHead(id: id, status: 200)),
      .streamChunk(id, lie), .streamEnd(id), .cancel(id),
    ]
  }

  @Test(
    "a host that speaks about another's request, one that never was or one that is to come loses its tunnel, and nobody else anything",
    arguments: 0..<5)
  func unasked(word: Int) async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      async let answer = Caller.ask(lab, host: RelayLab.name(of: Self.ada.address))
      let request = try await host.request()
      for kind in ["another's", "unknown", "to come"] {
        var liar = try await TestHost.authenticated(lab, [Self.eve])
        let own = Task { try await Caller.ask(lab, host: RelayLab.name(of: Self.eve.address)) }
        let asked = try await liar.request()
        let id =
          switch kind {
          case "another's": request.id
          case "unknown": RequestID("11111111-2222-4333-8444-555555555555")!
          // The next number of its own tunnel.
          default: RequestID(String(asked.id.text.dropLast()) + "1")!
          }
        try await liar.say(Self.words(about: id)[word])
        #expect(try await liar.closing() == "1008", "\(kind)")
        let lost = try await own.value
        #expect(lost.status == 502 && lost.text == #"{"error":"tunnel_closed"}"#)
        try await eventually { lab.board.tunnels.total == 1 }
      }
      try await host.say(
        .answer(RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: "truth"))))
      #expect(try await answer.text == "truth")
      #expect(lab.board.statistics.snapshot().events[.unaskedAnswer] == 3)
    }
  }

  @Test("what a host says about a request that has ended is dropped, and the next answer is the next one's")
  func late() async throws {
    try await RelayLab.run { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var caller = try await Caller.connect(lab)
      let name = RelayLab.name(of: Self.ada.address)
      try await caller.send(host: name)
      let first = try await host.request()
      try await host.say(.answer(RelayAnswer(id: first.id, status: 200, body: ByteBuffer(string: "first"))))
      #expect(try await caller.answer().text == "first")
      // On the same connection, and while the next answer is awaited.
      try await caller.send(host: name)
      let second = try await host.request()
      for word in Self.words(about: first.id) { try await host.say(word) }
      try await host.say(.answer(RelayAnswer(id: second.id, status: 200, body: ByteBuffer(string: "second"))))
      #expect(try await caller.answer().text == "second")
      #expect(lab.board.statistics.snapshot().events[.lateFrame] == 5)
    }
  }
}
