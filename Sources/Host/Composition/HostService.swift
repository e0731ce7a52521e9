import Agents
import Foundation
import Identity
import Inference
import Keyring
import Logging
import Sandbox
public import ServiceLifecycle
import Stores
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
/// It makes the folders that a restart of the machine takes away, and sure that no other service runs on its data; it
/// opens its sockets, follows what other processes change, and at the end drains, stops the managed model and closes
/// the databases, in this order.
public struct HostService: Service {
  private let services: HostServices
  private let server: HostServer
  private let door: FrontDoor
  /// Fulfilled once the data is this service's, or with the reason why it is not.
  private let owns = Signal<Void>()

  public init(services: HostServices) {
    self.services = services
    let settings = services.settings
    door = FrontDoor(services: services)
    server = HostServer(
      .init(bind: settings.bind, port: settings.port, controlSocket: services.folders.controlSocket.path),
      door: door)
  }

  /// Waits until both sockets accept connections.
  /// - Returns: the base URL for callers on this machine, and the path of the control socket.
  @discardableResult
  public func ready() async throws -> (url: String, controlSocket: String) {
    try await owns.value()
    let listening = try await server.ready()
    return (listening.url, listening.controlSocket ?? "")
  }

  /// - Throws: ``HostError/dataInUse(folder:)`` while another service runs on the same data, and what keeps the
  ///   sockets from being opened.
  public func run() async throws {
    let lock: FileLock
    do {
      lock = try takeData()
      try await services.confirmIdentity()
    } catch {
      owns.fulfil(.failure(error))
      await services.shutdown()
      throw error
    }
    defer { withExtendedLifetime(lock) {} }
    owns.fulfil(.success(()))
    services.rotation.isServing.withLock { $0 = true }
    services.sandboxes.open(through: BridgeDoor(services: services))
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          await services.access.watch(logger: services.logger)
        }
        group.addTask { await services.memory.keepEmbedding(logger: services.logger) }
        group.addTask {
          await services.publishTools()
          await services.tools.keepEmbedding(logger: services.logger)
        }
        group.addTask {
          await services.access.uses.keepWriting(to: services.keys, logger: services.logger)
        }
        group.addTask { await services.audit.keepSigning() }
        group.addTask { await services.maintenance.run() }
        group.addTask { await services.sandboxes.run() }
        group.addTask {
          // Whoever waits for the owner's word does not keep the service from stopping, nor who waits for a new data key.
          try? await gracefulShutdown()
          services.pairing.close()
          await services.permissions.close()
          await services.rotation.cancel()
        }
        if services.settings.asksOnDesktop {
          group.addTask { await PairingNotifications(desk: services.pairing).run() }
          group.addTask {
            await PermissionNotifications(desk: services.permissions, agents: services.agents).run()
          }
        }
        // So that the first to ask what there is need not wait for the slowest server.
        group.addTask { _ = await services.models.known() }
        group.addTask {
          guard let listening = try? await server.ready() else { return }
          services.listening.value = listening
          await services.announcements.run(at: listening, agents: services.access.agentChanges())
        }
        group.addTask {
          guard (try? await server.ready()) != nil else { return }
          await services.tunnel.run(
            door: door, held: server.held, changes: services.access.agentChanges())
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

  /// The sockets' folder depends on the environment of whoever starts the service, so it is the data that is locked.
  private func takeData() throws -> FileLock {
    let folders = services.folders
    try folders.create()
    guard let lock = try FileLock(tryFor: folders.serviceLock) else {
      throw HostError.dataInUse(folder: folders.data.path)
    }
    return lock
  }
}
