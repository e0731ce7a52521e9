import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
public import ServiceLifecycle

#if canImport(Glibc)
  import Glibc
#endif

/// Speaks a peer's routes on this machine's loopback, and carries every request to it through the secure channel.
///
/// A program that knows nothing of the channel, nor of keys, uses the models and agents of another machine as if they
/// were here. Streams stay streams, and whoever reads slowly slows the peer down.
public struct Proxy: Service {
  /// How many connections there may be at a time.
  private static let connectionLimit = 256
  private static let idleTimeout = TimeAmount.seconds(120)

  private let port: Int
  private let responder: ProxyResponder
  private let onReady: @Sendable (Int) -> Void

  /// - Parameters:
  ///   - port: where to listen on 127.0.0.1; 0 for any free port.
  ///   - report: told, for a person, why requests are refused.
  ///   - onReady: told the port once it listens there.
  public init(
    to client: PeerClient, port: Int, gate: ProxyGate, report: @escaping @Sendable (String) -> Void,
    onReady: @escaping @Sendable (Int) -> Void
  ) {
    self.port = port
    self.onReady = onReady
    responder = ProxyResponder(errand: ProxyErrand(client), gate: gate, notes: ProxyNotes(report))
  }

  /// Runs until it is told to stop.
  /// - Throws: ``ConnectorError/portInUse(_:)``.
  public func run() async throws {
    var logger = Logger(label: "osaurus-host.proxy") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .critical
    let application = Application(
      responder: responder,
      server: .http1(
        configuration: .init(
          additionalChannelHandlers: [DepartureWatch()], idleTimeout: Self.idleTimeout,
          httpDecoderConfiguration: .init(
            maxHeaderFieldSize: 64 * 1024, maxHeaderListSize: 64 * 1024, maxHeaderFieldCount: 200))),
      configuration: .init(
        address: .hostname("127.0.0.1", port: port),
        availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
      onServerRunning: { [port, onReady] channel in onReady(channel.localAddress?.port ?? port) },
      logger: logger)
    do {
      try await application.run()
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      throw ConnectorError.portInUse(port)
    }
  }
}
