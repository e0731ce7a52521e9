import Foundation
import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import Relay

/// A relay, a host that pours as fast as it can, and a caller who stops reading: with the sockets between them.
@Suite("A caller that stops reading", .serialized, .timeLimit(.minutes(5)))
struct SlowCallerTests {
  private static let key = TestKey.make(1)
  private static let name = RelayLab.name(of: key.address)
  private static let size = 12 << 20

  /// Pours at `/pour`, and says at once whatever else it is asked.
  private final class Host: TunnelResponder {
    let poured = Atomic(0)

    func answer(_ request: RelayRequest, to agent: Address, with answer: TunnelAnswer) async {
      guard request.path?.text == "/pour" else {
        try? await answer.start(status: 200, headers: [:])
        try? await answer.write(request.body)
        try? await answer.finish()
        return
      }
      do {
        try await answer.start(status: 200, headers: ["content-type": "application/octet-stream"])
        // 64 KiB at a time.
        for number in 0..<(SlowCallerTests.size >> 16) {
          try await answer.write(
            ByteBuffer(bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 16)))
          try await answer.write(SlowCallerTests.block)
          poured.add(1 << 16, ordering: .relaxed)
        }
        try await answer.finish()
      } catch {}
    }
  }

  /// What follows the 16 bytes that say the block's number.
  private static let block = ByteBuffer(
    bytes: (0..<((1 << 16) - 16)).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) })

  @Test(
    "neither relay nor host gathers what is not read, others are answered meanwhile, and in the end every byte is there"
  )
  func slow() async throws {
    let settings = RelayLab.settings { settings in
      settings.names = [RelayName("localhost")!]
      settings.limits.writeTimeout = .seconds(600)
    }
    try await RelayLab.run(settings) { lab in
      let host = Host()
      let key = Self.key
      let client = TunnelClient(
        .init(relay: try RelayURL("ws://localhost:\(lab.port)")), clock: ContinuousClock(),
        unixTime: { Int64(Date().timeIntervalSince1970) }, handler: host, key: { _ in key },
        check: { _, _ in nil })
      let running = Task { await client.run() }
      await client.expose([key.address])
      try await eventually { lab.board.directory.count == 1 }
      var caller = try await Caller.connect(lab)
      try await caller.send(.POST, "/pour", host: Self.name)
      guard case .head = try await caller.part() else { throw TestHost.Unexpected(event: "no head") }
      try await caller.channel.setOption(.autoRead, value: false).get()
      // What the sockets on the way hold, the system decides; here it is less.
      try await caller.channel.setOption(.socketOption(.so_rcvbuf), value: 64 << 10).get()

      // Until the host waits, too.
      var (before, count) = (-1, 0)
      while host.poured.load(ordering: .relaxed) == 0 || host.poured.load(ordering: .relaxed) != before {
        before = host.poured.load(ordering: .relaxed)
        for _ in 0..<20 {
          count += 1
          let question = "question \(count)"
          let answer = try await Caller.ask(lab, .POST, host: Self.name, body: ByteBuffer(string: question))
          try #require(answer.status == 200 && answer.text == question)
        }
      }
      #expect(before < Self.size * 3 / 4, "\(before) bytes were poured")
      #expect(
        lab.board.budget.used <= lab.board.limits.streamWindow
          + StreamWindow.cost(ofPiece: StreamCutter.pieceBytes))

      try await caller.channel.setOption(.autoRead, value: true).get()
      caller.channel.read()
      var body = try await caller.answer().body
      try #require(body.readableBytes == Self.size)
      for number in 0..<(Self.size >> 16) {
        let mark = body.readBytes(length: 16) ?? []
        try #require(
          mark == [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 16), "block \(number)")
        try #require(body.readSlice(length: Self.block.readableBytes) == Self.block, "block \(number)")
      }
      try await eventually { lab.board.budget.used == 0 }
      running.cancel()
      await running.value
    }
  }
}
