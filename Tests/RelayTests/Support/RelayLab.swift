import Identity
import Logging
import NIOCore
import ServiceLifecycle

@testable import Relay

/// A relay that runs for the length of a test, on a free port of this machine.
struct RelayLab: Sendable {
  static let domain = "relay.test"

  let server: RelayServer
  let port: Int

  /// What its connections share.
  var board: Switchboard { server.switchboard! }

  /// Settings for a test: nothing is limited that it does not limit itself.
  static func settings(_ change: (inout RelaySettings) -> Void = { _ in }) -> RelaySettings {
    var settings = RelaySettings(domain: RelayName(domain)!)
    settings.port = 0
    settings.publicURL = "https://\(domain)"
    settings.limits.connectsPerMinute = 100_000
    settings.limits.tunnelsPerSource = 100_000
    settings.limits.connectionsPerSource = 100_000
    settings.limits.requestsPerMinute = 100_000
    settings.limits.drainTimeout = .seconds(1)
    settings.limits.closeTimeout = .milliseconds(100)
    change(&settings)
    return settings
  }

  static func run(
    _ settings: RelaySettings = settings(), certificateInterval: Duration = .seconds(30),
    _ body: @Sendable (RelayLab) async throws -> Void
  ) async throws {
    var logger = Logger(label: "relay-test")
    logger.logLevel = .critical
    let server = RelayServer(settings, certificateInterval: certificateInterval, logger: logger)
    let group = ServiceGroup(services: [server], gracefulShutdownSignals: [], logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      let listening = try await server.listening()
      do {
        try await body(RelayLab(server: server, port: listening.port))
      } catch {
        await group.triggerGracefulShutdown()
        throw error
      }
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }

  /// The name of an agent below the relay.
  static func name(of agent: Address) -> String { "\(agent.lowercased).\(domain)" }
}
