import Foundation
public import Logging
import NIOCore
import NIOPosix
import NIOSSL
public import ServiceLifecycle
import Synchronization

/// A relay: listens, hands callers to the hosts of their agents, and ends when it is told to, after the answers that are under way.
///
/// It keeps nothing on disk, and what it keeps in memory goes with the connection that it is about.
public final class RelayServer: Service {
  /// Where it listens.
  public struct Listening: Hashable, Sendable {
    public let bind: String
    public let port: Int
    /// Where the world reaches it.
    public let url: String
  }

  let settings: RelaySettings
  private let certificateInterval: Duration
  private let logger: Logger
  private let ready = Ready()
  private let board = Mutex<Switchboard?>(nil)

  public convenience init(_ settings: RelaySettings, logger: Logger) {
    self.init(settings, certificateInterval: .seconds(30), logger: logger)
  }

  /// - Parameter certificateInterval: how often it looks whether its certificate is another one.
  init(_ settings: RelaySettings, certificateInterval: Duration, logger: Logger) {
    self.settings = settings
    self.certificateInterval = certificateInterval
    self.logger = logger
  }

  /// Waits until it accepts connections; throws what `run` throws if it never will.
  public func listening() async throws -> Listening { try await ready.value() }

  /// What its connections share, once it listens.
  var switchboard: Switchboard? { board.withLock { $0 } }

  public func run() async throws {
    do {
      try await serve()
      ready.fulfil(.failure(CancellationError()))
    } catch {
      ready.fulfil(.failure(error))
      throw error
    }
  }

  private func serve() async throws {
    let certificate = try settings.certificate.map { files throws(RelayError) in
      try CertificateSource(files, logger: logger)
    }
    let open = OpenChannels()
    let setup = Setup()
    let listener = try await listen(setup: setup, open: open, certificate: certificate)
    let port = listener.localAddress?.port ?? settings.port
    let board = Switchboard(settings, port: port, logger: logger)
    self.board.withLock { $0 = board }
    setup.begin(RelayConnection(board: board))
    try await listener.setOption(.autoRead, value: true).get()
    listener.read()
    logger.info("the relay listens", metadata: ["bind": "\(settings.bind)", "port": "\(port)"])
    ready.fulfil(.success(Listening(bind: settings.bind, port: port, url: board.urls.relay)))

    try? await withThrowingDiscardingTaskGroup { group in
      if let certificate {
        group.addTask { [certificateInterval] in
          while true {
            try await Task.sleep(for: certificateInterval)
            certificate.refresh()
          }
        }
      }
      // A signal, or the end of the task that runs this.
      group.addTask {
        try await gracefulShutdown()
        throw CancellationError()
      }
    }
    try? await listener.close()
    await drain(board, open)
  }

  /// Lets running answers come to their end, for a while, and closes everything.
  private func drain(_ board: Switchboard, _ open: OpenChannels) async {
    board.answering.stop()
    for channel in open.all { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    let end = ContinuousClock.now + settings.limits.drainTimeout
    while board.answering.count > 0, ContinuousClock.now < end {
      do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
    }
    logger.notice("the relay ends", metadata: ["unanswered": "\(board.answering.count)"])
    for channel in open.all { channel.pipeline.fireUserInboundEventTriggered(StopEvent()) }
    for channel in open.all { try? await channel.closeFuture.get() }
  }

  private func listen(
    setup: Setup, open: OpenChannels, certificate: CertificateSource?
  ) async throws -> any Channel {
    let address = settings.bind
    do {
      return try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .serverChannelOption(.backlog, value: 1024)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .serverChannelOption(.autoRead, value: false)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(.socketOption(.so_keepalive), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            guard let connection = setup.connection else { return channel.close(promise: nil) }
            open.add(channel)
            try connection.configure(channel, tls: certificate?.context)
          }
        }
        .bind(host: address, port: settings.port).get()
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      throw RelayError.addressInUse("\(address):\(settings.port)")
    } catch {
      throw RelayError.addressUnusable("\(address):\(settings.port)", reason: "\(error)")
    }
  }
}

/// How connections are set up, from the moment on when the port is known.
private final class Setup: Sendable {
  private let state = Mutex<RelayConnection?>(nil)

  func begin(_ connection: RelayConnection) { state.withLock { $0 = connection } }
  var connection: RelayConnection? { state.withLock { $0 } }
}

/// The connections that are open now.
private final class OpenChannels: Sendable {
  private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

  func add(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    channels.withLock { $0[id] = channel }
    channel.closeFuture.whenComplete { _ in self.channels.withLock { $0[id] = nil } }
  }

  var all: [any Channel] { channels.withLock { Array($0.values) } }
}

/// Where the relay listens, for any number of tasks that wait to know it.
private final class Ready: Sendable {
  private struct State {
    var result: Result<RelayServer.Listening, any Error>?
    var waiters: [CheckedContinuation<RelayServer.Listening, any Error>] = []
  }

  private let state = Mutex(State())

  /// Only the first call counts.
  func fulfil(_ result: Result<RelayServer.Listening, any Error>) {
    let waiters: [CheckedContinuation<RelayServer.Listening, any Error>] = state.withLock { state in
      guard state.result == nil else { return [] }
      state.result = result
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(with: result) }
  }

  func value() async throws -> RelayServer.Listening {
    try await withCheckedThrowingContinuation { continuation in
      let result = state.withLock { state in
        if state.result == nil { state.waiters.append(continuation) }
        return state.result
      }
      if let result { continuation.resume(with: result) }
    }
  }
}
