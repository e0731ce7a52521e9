import AsyncHTTPClient
import Foundation
import Identity
import Logging
import NIOCore
import Relay
import ServiceLifecycle
import Stores
import Synchronization

/// Keeps a tunnel to the relay that the owner chose, for the agents that are to be reached through it, and follows what
/// the owner changes. Nothing is reached through a relay unless the owner said so.
final class HostTunnel: Sendable {
  /// The relay of the original.
  static let defaultRelay = "wss://agent.osaurus.ai"

  private struct Present {
    let choice: RelayChoice
    let client: TunnelClient
    let task: Task<Void, Never>
  }

  private let store: RelayStore
  private let key: @Sendable (Address) -> SigningKey?
  private let logger: Logger
  /// Where names lead that the system does not know; for tests.
  private let names: [String: String]
  private let current = Mutex<TunnelClient?>(nil)
  private let probes = RouteProbes()

  init(
    store: RelayStore, names: [String: String] = [:], logger: Logger,
    key: @escaping @Sendable (Address) -> SigningKey?
  ) {
    self.store = store
    self.names = names
    self.logger = logger
    self.key = key
  }

  /// How the tunnel is.
  var status: TunnelStatus {
    get async { await current.withLock { $0 }?.status ?? .off }
  }

  /// Keeps the tunnel until the host is told to stop.
  /// - Parameter changes: yields whenever agents, or what is to be reached, may be others.
  func run(door: FrontDoor, held: HeldBytes, changes: AsyncStream<[AgentRecord]>) async {
    let http = client
    let entrance = RelayEntrance(door: door, held: held, probes: probes)
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          // Where there is no tunnel, nobody need look.
          let watch = NetworkWatch { self.current.withLock { $0 == nil } ? [] : NetworkWatch.present() }
          await watch.run { await self.current.withLock { $0 }?.networkChanged() }
        }
        await self.follow(changes, entrance, http)
        group.cancelAll()
      }
    }
    try? await http.shutdown()
  }

  private func follow(
    _ changes: AsyncStream<[AgentRecord]>, _ entrance: RelayEntrance, _ http: HTTPClient
  ) async {
    var present: Present?
    for await _ in changes {
      do {
        let (choice, agents) = try await store.chosen()
        let addresses = agents.filter(\.isReachableFromElsewhere).compactMap(\.address)
        if present?.choice != choice {
          await end(present)
          present = try choice.map { try begin($0, entrance, http) }
        }
        await present?.client.expose(addresses)
      } catch {
        logger.warning("the relay's agents could not be read", metadata: ["error": "\(error)"])
      }
    }
    await end(present)
  }

  private func begin(
    _ choice: RelayChoice, _ entrance: RelayEntrance, _ http: HTTPClient
  ) throws -> Present {
    let relay = try RelayURL(choice.url, allowsPlaintext: choice.allowsPlaintext)
    let probes = probes
    let client = TunnelClient(
      .init(relay: relay), clock: ContinuousClock(), unixTime: { Int64(Date().timeIntervalSince1970) },
      handler: entrance, key: key,
      check: { _, url in await probes.failure(at: url, with: http) })
    current.withLock { $0 = client }
    let logger = logger
    let task = Task {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await client.run() }
        var log = TunnelLog(logger)
        for await status in await client.changes() { log.note(status) }
      }
    }
    return Present(choice: choice, client: client, task: task)
  }

  private func end(_ present: Present?) async {
    guard let present else { return }
    current.withLock { $0 = nil }
    present.task.cancel()
    await present.task.value
  }

  private var client: HTTPClient {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .seconds(8)))
    configuration.dnsOverride = names
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(configuration: configuration)
  }
}

/// Says in the log what became of the tunnel, once for each change.
private struct TunnelLog {
  private let logger: Logger
  private var connection = TunnelStatus.Connection.off
  private var agents: [TunnelStatus.Agent] = []

  init(_ logger: Logger) { self.logger = logger }

  mutating func note(_ status: TunnelStatus) {
    if status.connection != connection {
      switch status.connection {
      case .open: logger.info("the tunnel to the relay is open")
      case .waiting(let fault, let seconds):
        logger.warning("no tunnel: \(fault)", metadata: ["again": "in \(seconds) s"])
      case .off, .opening: break
      }
    }
    for agent in status.agents where !agents.contains(agent) {
      let address: Logger.Metadata = ["agent": "\(agent.address)"]
      switch agent.standing {
      case .up(let url, .proven): logger.info("reached at \(url)", metadata: address)
      case .up(let url, .failed(let reason)):
        logger.warning("requests to \(url) do not arrive here: \(reason)", metadata: address)
      case .rejected(let reason): logger.warning("the relay does not take it: \(reason)", metadata: address)
      case .waiting, .up(_, .checking): break
      }
    }
    (connection, agents) = (status.connection, status.agents)
  }
}
