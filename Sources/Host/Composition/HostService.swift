import Foundation
import Identity
import Inference
import Keyring
import Logging
public import ServiceLifecycle
import Synchronization

/// Where the service listens, once it does; what `status` tells.
final class ListeningAddress: Sendable {
  private let current = Mutex<HostServer.Listening?>(nil)

  var value: HostServer.Listening? {
    get { current.withLock { $0 } }
    set { current.withLock { $0 = newValue } }
  }
}

/// The running host: what `osaurus-host serve` is.
///
/// It opens its sockets, follows what other processes change, and at the end drains, stops the managed model and
/// closes the databases, in this order.
public struct HostService: Service {
  private let services: HostServices
  private let server: HostServer

  public init(services: HostServices) {
    self.services = services
    let settings = services.settings
    server = HostServer(
      .init(bind: settings.bind, port: settings.port, controlSocket: services.folders.controlSocket.path),
      door: FrontDoor(services: services))
  }

  /// Waits until both sockets accept connections.
  /// - Returns: the base URL for callers on this machine, and the path of the control socket.
  @discardableResult
  public func ready() async throws -> (url: String, controlSocket: String) {
    let listening = try await server.ready()
    return (listening.url, listening.controlSocket ?? "")
  }

  public func run() async throws {
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          await services.access.watch(logger: services.logger)
        }
        // So that the first to ask what there is need not wait for the slowest server.
        group.addTask { _ = await services.models.known() }
        group.addTask {
          services.listening.value = try? await server.ready()
        }
        defer { group.cancelAll() }
        try await server.run()
      }
    } catch {
      await services.shutdown()
      throw error
    }
    services.listening.value = nil
    await services.shutdown()
  }
}
