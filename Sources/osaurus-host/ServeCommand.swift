import ArgumentParser
import Foundation
import Host
import Identity
import Logging
import ServiceLifecycle
import UnixSignals

/// `serve`: runs the host until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Run the host.",
    discussion: """
      Example: osaurus-host serve
      Let the network in: osaurus-host serve --expose

      It listens on 127.0.0.1:1337 unless told otherwise. Agents answer from afar only through the secure channel.
      On a terminal, and on the desktop where there is one, it asks you about devices that want to be let in; elsewhere \
      see 'osaurus-host pair watch'. With "askOnDesktop": false in host.json it leaves the desktop alone.
      SIGTERM and Ctrl-C give running answers 5 seconds and end it.
      """)

  @Option(help: "The TCP port; 0 takes any free one.") var port: Int?
  @Option(help: "The address to listen on.") var bind: String?
  @Flag(help: "Listen on every address, so that the network may reach it.") var expose = false
  @Flag(help: "Log what happens in detail.") var verbose = false

  func validate() throws {
    if let port, !(0...65535).contains(port) { throw ValidationError("--port takes 0 to 65535.") }
  }

  func run() async throws {
    let folders = try OpenHost.folders()
    let settings = try HostSettings.load(
      folders: folders,
      flags: .init(port: port, bind: bind, expose: expose ? true : nil, logLevel: verbose ? "debug" : nil),
      environment: ProcessInfo.processInfo.environment)
    var logger = Logger(label: "osaurus-host") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = settings.logLevel
    let services = try await HostServices.open(folders: folders, settings: settings, logger: logger)
    let host = HostService(services: services)
    let group = ServiceGroup(
      configuration: .init(
        services: [
          .init(service: host, successTerminationBehavior: .gracefullyShutdownGroup),
          .init(
            service: ReadyNotice(host: host, services: services, isExposed: settings.isExposed),
            successTerminationBehavior: .ignore),
          .init(
            service: OwnerAtTheTerminal(host: host, services: services),
            successTerminationBehavior: .ignore),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.quiet))
    try await group.run()
  }

  /// The group's own log, which would repeat what is said here.
  private static var quiet: Logger {
    var logger = Logger(label: "osaurus-host.services") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .critical
    return logger
  }
}

/// Asks the owner about devices that want to be let in, where the service has a terminal.
private struct OwnerAtTheTerminal: Service {
  let host: HostService
  let services: HostServices

  func run() async throws {
    guard Terminal.inputIsTerminal, Terminal.isShown(.error), (try? await host.ready()) != nil else { return }
    try? await cancelWhenGracefulShutdown {
      try await PairWatch(owner: .of(services), manner: .asking).run()
    }
  }
}

/// Says where the host is reached, once it is, and how its identity is.
private struct ReadyNotice: Service {
  let host: HostService
  let services: HostServices
  let isExposed: Bool

  func run() async throws {
    // When it never becomes ready, the host itself says why.
    guard let listening = try? await host.ready() else { return }
    Terminal.note(
      "osaurus-host is ready at \(listening.url)\(isExposed ? ", and the network may reach it" : "").")
    guard let health = try? await services.health() else { return }
    Terminal.note(
      "Identity \(services.address.checksummed) is \(health.isGood ? "" : "not ")in order: \(health.summary)."
    )
    if let remedy = health.remedy { Terminal.note("  Mend it: \(remedy)") }
  }
}
