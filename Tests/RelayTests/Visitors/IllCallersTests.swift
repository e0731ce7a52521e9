import Identity
import NIOCore
import NIOHTTP1
import Testing

@testable import Relay

/// Callers that take the relay's room, and what is left for others. `127.0.0.2` is another network than `127.0.0.1`.
@Suite("Callers that mean ill", .timeLimit(.minutes(5)))
struct IllCallersTests {
  private static let ada = TestKey.make(1)
  private static let name = RelayLab.name(of: ada.address)

  @Test(
    "a network whose callers read nothing of long answers takes its share of the relay's room, and others get theirs whole"
  )
  func shares() async throws {
    let (share, length) = (16 << 20, 8 << 20)
    let settings = RelayLab.settings { settings in
      settings.limits.heldBytesPerSource = share
      settings.limits.writeTimeout = .seconds(600)
      settings.limits.answerTimeout = .seconds(600)
    }
    try await RelayLab.run(settings) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: length)
      var callers: [Caller] = []
      for _ in 0..<5 {
        let caller = try await Caller.connect(lab, from: "127.0.0.2")
        try await caller.channel.setOption(.autoRead, value: false).get()
        try await caller.send(host: Self.name)
        let request = try await host.request()
        try await host.say(.answer(RelayAnswer(id: request.id, status: 200, body: body)))
        // The next question shows that the answer was taken in.
        try await host.say(.requestChallenge)
        _ = try await host.frame()
        #expect(lab.board.budget.used <= share)
        callers.append(caller)
      }
      // Not all of them have found room.
      #expect(lab.board.statistics.snapshot().refusals[.answerBrokeOff, default: 0] > 0)
      #expect(lab.board.budget.used > 0)
      async let answer = Caller.ask(lab, host: Self.name)
      let request = try await host.request()
      try await host.say(.answer(RelayAnswer(id: request.id, status: 200, body: body)))
      #expect(try await answer.body.readableBytes == length)
      for caller in callers { await caller.close() }
      try await eventually { lab.board.budget.used == 0 }
    }
  }

  @Test("who streams a body without end is cut at the limit, and others are answered meanwhile")
  func endlessBody() async throws {
    try await RelayLab.run(RelayLab.settings { $0.limits.bodyBytes = 1 << 20 }) { lab in
      var host = try await TestHost.authenticated(lab, [Self.ada])
      var raw = try await RawCaller.connect(lab)
      try await raw.send("POST /endless HTTP/1.1\r\nhost: \(Self.name)\r\ntransfer-encoding: chunked\r\n\r\n")
      let chunk = "10000\r\n" + String(repeating: "x", count: 65_536) + "\r\n"
      var sent = 0
      // It goes on after it was refused, until the connection is gone.
      while sent < 2000, (try? await raw.send(chunk)) != nil {
        sent += 1
        #expect(lab.board.budget.used <= 1 << 20)
        guard sent % 5 == 0 else { continue }
        async let answer = Caller.ask(lab, host: Self.name)
        let request = try await host.request()
        try #require(request.path?.text == "/")
        try await host.say(.answer(RelayAnswer(id: request.id, status: 200)))
        #expect(try await answer.status == 200)
      }
      #expect(sent < 2000)
      #expect(await raw.rest().text.contains("body_too_large"))
      try await eventually { lab.board.budget.used == 0 && lab.board.answering.count == 0 }
    }
  }

  @Test("crumbs of a stream are not free")
  func crumbs() {
    #expect(Exchange.bytes(of: .piece(ByteBuffer(string: "x"))) > 500)
    #expect(Exchange.bytes(of: .end) == 0)
    let budget = ByteBudget(limit: 100, perSource: 60)
    let (here, there) = (NetworkAddress("127.0.0.1")!, NetworkAddress("2001:db8::1")!)
    #expect(budget.take(60, for: here) && !budget.take(1, for: here))
    #expect(budget.take(40, for: there) && !budget.take(1, for: there))
    budget.give(30, of: here)
    // The /64 is one network.
    #expect(budget.take(20, for: NetworkAddress("2001:db8::2")!) && budget.used == 90)
    #expect(!budget.take(20, for: here))
  }
}
