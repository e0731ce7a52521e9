import Foundation
import Hummingbird
import Identity
import Keyring
import Logging
import NIOCore
import NIOPosix
import Sandbox
import SecretMemory
import ServiceLifecycle
import Stores
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where the agents of a running service have their commands run: the commands of all of them, and for each agent its places, and
/// the way from there to the host. Everything ends with the service.
final class AgentSandboxes: Sendable {
  /// The commands of all agents.
  let sessions = CommandSessions()
  let calls = ToolCalls()
  let passes: BridgePasses
  let secretStore: AgentSecretStore
  let configStore: SandboxConfigStore
  /// The tools that commands may call which were started with their names; nil for none.
  let toolbox: (any SandboxToolbox)?
  /// Takes a plugin that code in a sandbox made; nil where none is taken.
  let installPlugin: (@Sendable (_ by: SandboxExecution, _ recipe: Data) async throws -> Response)?
  private let folders: HostFolders
  private let logger: Logger
  private let (orders, order) = AsyncStream.makeStream(of: Order.self)
  private let state = Mutex(State())

  /// A bridge that is to be opened.
  private struct Order: Sendable {
    let agent: UUID
    let door: BridgeDoor
    /// The socket, once it is there.
    let opened: Signal<String>
  }

  private struct State {
    var door: BridgeDoor?
    var isClosed = false
    var bridges: [UUID: Signal<String>] = [:]
    var listeners: [UUID: any Channel] = [:]
  }

  init(
    folders: HostFolders, secrets: AgentSecretStore, config: SandboxConfigStore,
    toolbox: (any SandboxToolbox)? = nil,
    installPlugin: (@Sendable (_ by: SandboxExecution, _ recipe: Data) async throws -> Response)? = nil,
    logger: Logger
  ) {
    self.folders = folders
    self.toolbox = toolbox
    self.installPlugin = installPlugin
    passes = BridgePasses { [calls] in calls.forget($0) }
    secretStore = secrets
    configStore = config
    self.logger = logger
  }

  /// What an agent's commands are started with.
  /// - Throws: ``HostError/sandboxesClosed`` while no service runs, ``HostError/socketUnusable(_:reason:)`` and the like, and
  ///   `SandboxError`.
  func sandbox(of agent: UUID) async throws -> AgentSandbox {
    let socket = try await bridge(of: agent)
    var profile = SandboxProfile(places: AgentPlaces(agent: agent, in: folders.sandboxes))
    profile.bridge = SandboxBridge(socket: socket) { [passes] calls throws(SandboxError) in
      try passes.make(for: agent, calls)
    }
    return AgentSandbox(
      agent: agent, profile: profile, launcher: try SandboxLauncher(profile: profile), sessions: sessions,
      secretStore: secretStore)
  }

  /// The socket of an agent, on which the host listens from now on.
  func bridge(of agent: UUID) async throws -> String {
    let (opened, new) = try state.withLock { state -> (Signal<String>, Order?) in
      guard let door = state.door, !state.isClosed else { throw HostError.sandboxesClosed }
      if let opened = state.bridges[agent] { return (opened, nil) }
      let new = Order(agent: agent, door: door, opened: Signal())
      state.bridges[agent] = new.opened
      return (new.opened, new)
    }
    if let new { order.yield(new) }
    return try await opened.value()
  }

  // MARK: Running

  /// Lets bridges be asked for from now on; ``run()`` serves them.
  func open(through door: BridgeDoor) {
    passes.open()
    state.withLock { $0.door = door }
  }

  /// Serves the bridges until the service is told to stop; then ends all commands, and returns when everything has ended.
  func run() async {
    await withTaskCancellationOrGracefulShutdownHandler {
      // Whoever cancels this still waits for the end of every command, and of every answer.
      await Task {
        await withDiscardingTaskGroup { bridges in
          for await order in orders { bridges.addTask { await self.serve(order) } }
          await close()
        }
      }.value
    } onCancelOrGracefulShutdown: { [order] in
      order.finish()
    }
  }

  private func close() async {
    let waiting = state.withLock { state in
      state.isClosed = true
      return state.bridges.values.map(\.self)
    }
    passes.close()
    await sessions.stopAll()
    for opened in waiting { opened.fulfil(.failure(HostError.sandboxesClosed)) }
    for listener in state.withLock({ $0.listeners.values.map(\.self) }) { listener.close(promise: nil) }
  }

  /// Ends what runs for an agent that is no more, and takes its home away.
  func remove(_ agent: UUID) async throws {
    passes.revokeAll(of: agent)
    for session in await sessions.sessions(of: agent) where !session.isOver {
      session.terminate()
      await session.wait()
    }
    state.withLock { state in
      state.bridges[agent] = nil
      return state.listeners.removeValue(forKey: agent)
    }?.close(promise: nil)
    try AgentPlaces(agent: agent, in: folders.sandboxes).remove()
  }

  // MARK: A bridge

  private func serve(_ order: Order) async {
    do {
      try await listen(order)
    } catch {
      logger.error(
        "the sandboxes of an agent cannot reach the host",
        metadata: ["agent": "\(order.agent)", "reason": "\(error)"])
      state.withLock { $0.bridges[order.agent] = nil }
      order.opened.fulfil(.failure(error))
    }
  }

  private func listen(_ order: Order) async throws {
    try PrivateFile.makeFolder(folders.bridgeSockets)
    let path = folders.bridgeSocket(of: order.agent)
    let socket = try ControlSocket(path: path)
    let acceptor = Acceptor(door: order.door, limiter: ConnectionLimiter(limits: order.door.limits))
    let held = HeldBytes(limit: order.door.limits.heldBodyBytes)
    let origin = Caller.Origin.sandbox(agent: order.agent)
    let listener: Acceptor<BridgeDoor>.Listener = try await ServerBootstrap(
      group: MultiThreadedEventLoopGroup.singleton
    )
    .serverChannelOption(.backlog, value: 64)
    .childChannelOption(.allowRemoteHalfClosure, value: true)
    .bind(socket.descriptor) { channel in
      PeerCredentials.user(of: channel).flatMapThrowing { user in
        let standing = ConnectionStanding()
        guard user == geteuid(), acceptor.limiter.admit(channel, from: origin.holder, standing) else {
          channel.close(promise: nil)
          return nil
        }
        return try Connection.make(
          on: channel, origin: origin, door: order.door, held: held, standing: standing)
      }
    }
    let isWanted = state.withLock { state in
      guard !state.isClosed else { return false }
      state.listeners[order.agent] = listener.channel
      return true
    }
    order.opened.fulfil(isWanted ? .success(path) : .failure(HostError.sandboxesClosed))
    if !isWanted { try? await listener.channel.close() }
    await acceptor.accept(from: listener)
    // Its file goes when the last answer has been given.
    _ = consume socket
  }
}

/// What the commands of one agent are started with.
struct AgentSandbox: Sendable {
  let agent: UUID
  /// With the way to the host.
  let profile: SandboxProfile
  let launcher: SandboxLauncher
  let sessions: CommandSessions
  fileprivate let secretStore: AgentSecretStore

  /// What its commands find in their environment, and what is hidden again in what they say.
  func secrets(plugin: String? = nil) async throws -> [AgentSecret] {
    try await secretStore.all(agent: agent, plugin: plugin).map { name, value in
      var value = value
      return AgentSecret(name: name, value: SecretBytes(taking: &value))
    }
  }
}

extension HostFolders {
  /// The socket by which the sandboxes of an agent reach the host. Its name is short, as a socket's path has to be.
  func bridgeSocket(of agent: UUID) -> String {
    let id = withUnsafeBytes(of: agent.uuid) { Base64URL.string(Array($0)) }
    return bridgeSockets.appending(path: id + ".sock").path
  }
}
