import Identity
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization
import Testing

@testable import Relay

/// What a relay says about those whom it serves.
@Suite("The relay's log", .timeLimit(.minutes(2)))
struct LogTests {
  @Test("no path, header, body or agent is in the log, not even in the most detailed one")
  func silence() async throws {
    let lines = Lines()
    var logger = Logger(label: "relay") { _ in Recorder(lines: lines) }
    logger.logLevel = .trace
    let server = RelayServer(RelayLab.settings(), logger: logger)
    let group = ServiceGroup(services: [server], gracefulShutdownSignals: [], logger: Logger(label: "test"))
    async let running: Void = group.run()
    let lab = RelayLab(server: server, port: try await server.listening().port)
    let key = TestKey.make(1)
    var host = try await TestHost.authenticated(lab, [key])
    async let answer = Caller.ask(
      lab, .POST, "/needle-path?needle-query", host: RelayLab.name(of: key.address),
      headers: ["Authorization": "Bearer needle-key"], body: ByteBuffer(string: "needle-body"))
    let request = try await host.request()
    try await host.say(
      .answer(RelayAnswer(id: request.id, status: 999, body: ByteBuffer(string: "needle-answer"))))
    _ = try await answer
    try await host.say("needle-frame")
    _ = try await host.closing()
    await group.triggerGracefulShutdown()
    try await running
    let text = lines.text.withLock { $0 }
    #expect(text.contains("a tunnel was authenticated"))
    #expect(!text.contains("needle") && !text.lowercased().contains(key.address.lowercased))
  }
}

private final class Lines: Sendable {
  let text = Mutex("")
}

private struct Recorder: LogHandler {
  let lines: Lines
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    lines.text.withLock { $0 += "\(event.message) \(event.metadata ?? [:])\n" }
  }
}
