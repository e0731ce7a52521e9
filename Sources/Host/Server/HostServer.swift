import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Listens on TCP and on the control socket and serves both through one front door, until it is told to stop:
/// then it accepts nothing new, gives running answers a few seconds, and closes.
struct HostServer: Service {
  /// Where to listen.
  struct Configuration: Hashable, Sendable {
    var bind = "127.0.0.1"
    /// 0 for any free port.
    var port = 1337
    /// The path of the control socket, in a folder that is the owner's alone; nil for none.
    var controlSocket: String?
  }

  /// Where it listens.
  struct Listening: Hashable, Sendable {
    let bind: String
    let port: Int
    let controlSocket: String?

    /// The base URL for callers on this machine.
    var url: String {
      switch bind {
      case "0.0.0.0": "http://127.0.0.1:\(port)"
      case "::": "http://[::1]:\(port)"
      default: bind.contains(":") ? "http://[\(bind)]:\(port)" : "http://\(bind):\(port)"
      }
    }
  }

  let configuration: Configuration
  let door: FrontDoor
  private let limiter: ConnectionLimiter
  /// What bodies take up; of all doors together.
  let held: HeldBytes
  private let listening = Signal<Listening>()

  init(_ configuration: Configuration, door: FrontDoor) {
    self.configuration = configuration
    self.door = door
    limiter = ConnectionLimiter(limits: door.limits)
    held = HeldBytes(limit: door.limits.heldBodyBytes)
  }

  /// Waits until both sockets accept connections; throws what `run` throws if they never will.
  func ready() async throws -> Listening { try await listening.value() }

  func run() async throws {
    do {
      try await serve()
      listening.fulfil(.failure(CancellationError()))
    } catch {
      listening.fulfil(.failure(error))
      throw error
    }
  }

  private typealias Listener = Acceptor<FrontDoor>.Listener

  private func serve() async throws {
    // The control socket comes first: its lock says whether this host is running already.
    guard let path = configuration.controlSocket else {
      try await serve(control: nil)
      return
    }
    let socket = try ControlSocket(path: path)
    try await serve(control: try await listen(on: socket.descriptor))
    // Its file goes when the last answer has been given.
    _ = consume socket
  }

  private func serve(control: Listener?) async throws {
    let tcp: Listener
    do {
      tcp = try await listenOnTCP()
    } catch {
      try? await control?.channel.close()
      throw error
    }
    let listeners = [tcp] + (control.map { [$0] } ?? [])
    let channels = listeners.map(\.channel)
    listening.fulfil(
      .success(
        Listening(
          bind: configuration.bind, port: tcp.channel.localAddress?.port ?? configuration.port,
          controlSocket: configuration.controlSocket)))

    await withTaskCancellationOrGracefulShutdownHandler {
      await withTaskGroup(of: Void.self) { group in
        let acceptor = Acceptor(door: door, limiter: limiter)
        for listener in listeners {
          group.addTask { await acceptor.accept(from: listener) }
        }
      }
    } onCancelOrGracefulShutdown: {
      for channel in channels { channel.close(promise: nil) }
    }
  }

  // MARK: Listening

  private var bootstrap: ServerBootstrap {
    ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 256)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
  }

  private func listenOnTCP() async throws -> Listener {
    let (bind, port) = (configuration.bind, configuration.port)
    do {
      return
        try await bootstrap
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.socketOption(.so_keepalive), value: 1)
        .bind(host: bind, port: port) { channel in
          channel.eventLoop.makeCompletedFuture { try admitFromTCP(channel) }
        }
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      throw HostError.addressInUse("\(bind):\(port)")
    } catch let error as IOError where error.errnoCode == EADDRNOTAVAIL || error.errnoCode == EACCES {
      throw HostError.addressUnusable("\(bind):\(port)", reason: String(cString: strerror(error.errnoCode)))
    }
  }

  private func admitFromTCP(_ channel: any Channel) throws -> Connection<FrontDoor>? {
    let standing = ConnectionStanding()
    guard let source = SourceAddress(channel.remoteAddress),
      limiter.admit(channel, from: .network(source.network), standing)
    else {
      Self.turnAway(channel)
      return nil
    }
    let origin: Caller.Origin = source.isLoopback ? .loopback(source) : .network(source)
    return try Connection.make(on: channel, origin: origin, door: door, held: held, standing: standing)
  }

  /// Says politely that there are too many connections.
  private static func turnAway(_ channel: any Channel) {
    let text = "Too many connections. Retry shortly."
    let answer = ByteBuffer(
      string: """
        HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: \(text.utf8.count)\r\nRetry-After: 1\r\nConnection: close\r\n\r\n\(text)
        """)
    channel.writeAndFlush(answer).whenComplete { _ in channel.close(promise: nil) }
  }

  private func listen(on descriptor: CInt) async throws -> Listener {
    try await bootstrap.bind(descriptor) { channel in
      PeerCredentials.user(of: channel).flatMapThrowing { user in
        let standing = ConnectionStanding()
        guard user == geteuid(), limiter.admit(channel, from: nil, standing) else {
          door.logger.warning(
            "another user was turned away from the control socket", metadata: ["user": "\(user)"])
          channel.close(promise: nil)
          return nil
        }
        return try Connection.make(
          on: channel, origin: .control(user: user), door: door, held: held, standing: standing)
      }
    }
  }
}
