import Identity
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Testing

@testable import Relay

/// How a relay ends.
@Suite("The end of a relay", .timeLimit(.minutes(2)))
struct DrainTests {
  private static let ada = TestKey.make(1)

  @Test("answers that are under way come to their end, nothing new is begun, and hosts are told")
  func drain() async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let settings = RelayLab.settings { $0.limits.drainTimeout = .seconds(60) }
    let server = RelayServer(settings, logger: logger)
    let group = ServiceGroup(services: [server], gracefulShutdownSignals: [], logger: logger)
    async let running: Void = group.run()
    let lab = RelayLab(server: server, port: try await server.listening().port)
    var host = try await TestHost.authenticated(lab, [Self.ada])
    let name = RelayLab.name(of: Self.ada.address)
    var caller = try await Caller.connect(lab)
    try await caller.send(host: name)
    let request = try await host.request()
    var idle = try await RawCaller.connect(lab)
    try await idle.send("GET /health HTTP/1.1\r\nhost: relay.test\r\n\r\n")
    _ = await idle.read(until: "}")

    await group.triggerGracefulShutdown()
    #expect(await idle.rest().text.isEmpty)
    await #expect(throws: (any Error).self) { try await RawCaller.connect(lab) }
    try await host.say(.answer(RelayAnswer(id: request.id, status: 200, body: ByteBuffer(string: "in time"))))
    let answer = try await caller.answer()
    #expect(answer.text == "in time" && answer.headers.first(name: "connection") == "close")
    #expect(try await host.closing() == "1001")
    try await running
  }

  @Test(
    "an answer is under way until its caller was sent all of it, whole or as a stream",
    arguments: [false, true])
  func slowReader(isStream: Bool) throws {
    let relay = VirtualRelay(RelayLab.settings())
    let host = try relay.tunnel([Self.ada], features: [.cancel])
    _ = try host.frames()
    let caller = try relay.connect()
    caller.send("GET / HTTP/1.1\r\nhost: \(RelayLab.name(of: Self.ada.address))\r\n\r\n")
    guard case .request(let request)? = try host.frames().first else { throw VirtualTunnel.NoTunnel() }
    #expect(relay.board.answering.count == 1)
    caller.isReading = false
    let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: 200_000)
    if isStream {
      host.say(.streamStart(RelayAnswerHead(id: request.id, status: 200)))
      host.say(.streamChunk(request.id, body))
      host.say(.streamEnd(request.id))
    } else {
      host.say(.answer(RelayAnswer(id: request.id, status: 200, body: body)))
    }
    #expect(relay.board.answering.count == 1)
    caller.isReading = true
    #expect(relay.board.answering.count == 0)
    #expect(caller.read().readableBytes > 200_000)
    caller.send("GET / HTTP/1.1\r\nhost: \(RelayLab.name(of: Self.ada.address))\r\n\r\n")
    #expect(relay.board.answering.count == 1)
    caller.close()
    #expect(relay.board.answering.count == 0)
  }

  @Test("a second relay on the same port says that there is one")
  func portInUse() async throws {
    try await RelayLab.run { lab in
      var settings = RelayLab.settings()
      settings.port = lab.port
      let second = RelayServer(settings, logger: Logger(label: "test"))
      await #expect(throws: RelayError.addressInUse("127.0.0.1:\(lab.port)")) { try await second.run() }
    }
  }
}
