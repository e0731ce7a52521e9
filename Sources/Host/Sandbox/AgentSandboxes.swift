import Foundation
import Hummingbird
import Identity
import Keyring
import Logging
import NIOCore
import NIOPosix
import Sandbox
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
  /// What the owner said of each agent's sandbox.
  let settings: SandboxSettingsStore
  /// Where agents' commands wait for the owner's word.
  let desk: PermissionDesk
  /// Where it is written down what is run.
  let audit: AuditLog
  /// What answers calls of tools in the place of the agent's own; for tests.
  private let otherToolbox: (any SandboxToolbox)?
  /// The plugins of all agents.
  let plugins: AgentPlugins
  private let folders: HostFolders
  private let images: RootImageShelf
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
    /// What lasts of the tools of each agent.
    var tools: [UUID: ToolState] = [:]
    var listeners: [UUID: any Channel] = [:]
  }

  init(
    folders: HostFolders, secrets: AgentSecretStore, config: SandboxConfigStore,
    settings: SandboxSettingsStore, desk: PermissionDesk, audit: AuditLog,
    toolbox: (any SandboxToolbox)? = nil,
    logger: Logger
  ) {
    self.folders = folders
    self.settings = settings
    self.desk = desk
    self.audit = audit
    images = RootImageShelf(RootImages(in: folders.sandboxes))
    otherToolbox = toolbox
    passes = BridgePasses { [calls] in calls.forget($0) }
    secretStore = secrets
    configStore = config
    plugins = AgentPlugins(folders: folders, secrets: secrets, config: config)
    self.logger = logger
  }

  /// Answers the calls of commands that were started with the names of tools.
  var toolbox: any SandboxToolbox { otherToolbox ?? self }

  /// Whether a service runs, so that commands have a way to it and the owner can be asked.
  var isServed: Bool { state.withLock { $0.door != nil } }

  /// What an agent's commands are started with: what the owner says of its sandbox now, this host's root image if it has one, and
  /// where a service runs the way to it.
  /// - Parameter origin: who starts them, as the audit has it of their connections.
  /// - Throws: ``HostError/sandboxesClosed`` once the service has stopped, ``HostError/socketUnusable(_:reason:)`` and the like, and
  ///   `SandboxError`.
  func sandbox(of agent: UUID, origin: ToolOrigin = .agent) async throws -> AgentSandbox {
    let settings = try await settings.settings(of: agent)
    var profile = try settings.profile(in: places(of: agent))
    profile.root = try await images.current()
    let connections = ConnectionAudit(audit, agent: agent, origin: origin)
    profile.onConnection = { connections.note($0) }
    if isServed {
      profile.bridge = SandboxBridge(socket: try await bridge(of: agent)) {
        [passes] calls throws(SandboxError) in try passes.make(for: agent, calls)
      }
    }
    return AgentSandbox(
      agent: agent, profile: profile, launcher: try SandboxLauncher(profile: profile), sessions: sessions,
      settings: settings)
  }

  func places(of agent: UUID) -> AgentPlaces { AgentPlaces(agent: agent, in: folders.sandboxes) }

  /// What lasts of an agent's tools, from one call to the next.
  /// - Throws: ``HostError/sandboxesClosed``.
  func toolState(of agent: UUID) throws -> ToolState {
    try state.withLock { state in
      guard !state.isClosed else { throw HostError.sandboxesClosed }
      if let known = state.tools[agent] { return known }
      let new = ToolState()
      state.tools[agent] = new
      return new
    }
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

  /// Ends everything that runs, and starts nothing any more. The audit knows of all of it then.
  func close() async {
    let (waiting, tools) = state.withLock { state in
      state.isClosed = true
      return (state.bridges.values.map(\.self), state.tools.values.map(\.self))
    }
    passes.close()
    await sessions.stopAll()
    for state in tools { await state.settle() }
    for opened in waiting { opened.fulfil(.failure(HostError.sandboxesClosed)) }
    for listener in state.withLock({ $0.listeners.values.map(\.self) }) { listener.close(promise: nil) }
  }

  /// Ends what runs for an agent that is no more, and takes its home away.
  func remove(_ agent: UUID) async throws {
    await end(agent)
    try places(of: agent).remove()
  }

  /// Ends what runs for an agent.
  func end(_ agent: UUID) async {
    passes.revokeAll(of: agent)
    plugins.forget(agent)
    for session in await sessions.sessions(of: agent) where !session.isOver {
      session.terminate()
      await session.wait()
    }
    let (tools, listener) = state.withLock { state in
      state.bridges[agent] = nil
      return (state.tools.removeValue(forKey: agent), state.listeners.removeValue(forKey: agent))
    }
    listener?.close(promise: nil)
    await tools?.settle()
    await desk.forget(agent)
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
  /// What the owner said of it.
  let settings: SandboxSettings
}

/// The root image of all sandboxes of a host, looked at by one at a time.
private actor RootImageShelf {
  private let images: RootImages

  init(_ images: RootImages) { self.images = images }

  /// - Throws: `SandboxError` where the image is not what it was.
  func current() throws -> RootImage? { try images.current() }
}

extension HostFolders {
  /// The socket by which the sandboxes of an agent reach the host. Its name is short, as a socket's path has to be.
  func bridgeSocket(of agent: UUID) -> String {
    let id = withUnsafeBytes(of: agent.uuid) { Base64URL.string(Array($0)) }
    return bridgeSockets.appending(path: id + ".sock").path
  }
}
