import ArgumentParser
import Foundation
import Logging
import Relay
import ServiceLifecycle
import UnixSignals

/// `serve`: runs the relay until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Run the relay.",
    discussion: """
      Example: osaurus-relay serve --domain relay.example --bind 0.0.0.0 --port 443 \\
                 --certificate fullchain.pem --key privkey.pem
      Behind a proxy that does TLS: osaurus-relay serve --domain relay.example --port 8443 --trusted-proxy 127.0.0.1

      Every flag has a variable: OSAURUS_RELAY_DOMAIN, …_NAMES, …_BIND, …_PORT, …_CERTIFICATE, …_KEY, …_TRUSTED_PROXIES,
      …_METRICS_FROM, …_AGENT_FORM, …_PUBLIC_URL, and one for each limit ('osaurus-relay limits').
      It keeps nothing on disk. SIGTERM and Ctrl-C give running answers 10 seconds and end it.
      """)

  @OptionGroup var options: RelayOptions
  @Flag(help: "Say where it listens as one line of JSON.") var json = false
  @Flag(help: "Log what happens in detail. Paths, headers and bodies are never logged.") var verbose = false

  func run() async throws {
    let settings = try options.settings(environment: ProcessInfo.processInfo.environment)
    var logger = Logger(label: "osaurus-relay") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = verbose ? .debug : .notice
    let needed = settings.limits.connections + OpenFiles.ofItsOwn
    if let files = OpenFiles.raise(), files < UInt64(needed) {
      logger.warning(
        "this process may have fewer files open than connections are allowed; raise the one (ulimit -n, LimitNOFILE=) or lower the other (--limit connections=)",
        metadata: ["files": "\(files)", "connections": "\(settings.limits.connections)"])
    }
    var quiet = logger
    quiet.logLevel = .critical
    let server = RelayServer(settings, logger: logger)
    let group = ServiceGroup(
      configuration: .init(
        services: [
          .init(service: server, successTerminationBehavior: .gracefullyShutdownGroup),
          .init(service: ReadyNotice(server: server, json: json), successTerminationBehavior: .ignore),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
    try await group.run()
  }
}

/// Says where the relay is reached, once it is.
private struct ReadyNotice: Service {
  let server: RelayServer
  let json: Bool

  private struct Place: Encodable {
    let bind: String
    let port: Int
    let url: String
  }

  func run() async throws {
    // When it never becomes ready, the relay itself says why.
    guard let place = try? await server.listening() else { return }
    if json {
      print(JSONText.line(Place(bind: place.bind, port: place.port, url: place.url)))
      fflush(nil)
    } else {
      let text = "osaurus-relay listens on \(place.bind):\(place.port), and is reached at \(place.url).\n"
      try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
  }
}
