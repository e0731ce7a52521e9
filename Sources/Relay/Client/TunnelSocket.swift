import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The WebSocket that a tunnel is. Writing waits while the relay does not read.
final class TunnelSocket: Sendable {
  private typealias Stream = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

  private let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>

  private init(_ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>) { self.outbound = outbound }

  /// What came.
  enum Event: Sendable {
    case opened(TunnelSocket)
    case message(ByteBuffer)
    /// The other end is there.
    case life
  }

  /// Opens a tunnel and hands over what comes, one after another, until either end closes.
  /// - Parameter trust: what the relay's certificate is checked against.
  /// - Throws: ``TunnelFault``, or what `handle` throws.
  static func run(
    to url: RelayURL, trust: NIOSSLTrustRoots, limits: FrameLimits,
    _ handle: @Sendable (Event) async throws -> Void
  ) async throws {
    let stream = try await open(url, trust, limits)
    do {
      try await stream.executeThenClose { inbound, outbound in
        let socket = TunnelSocket(outbound)
        try await handle(.opened(socket))
        for try await frame in inbound {
          switch frame.opcode {
          case .text: try await handle(.message(frame.unmaskedData))
          case .ping:
            try await socket.write(.pong, frame.unmaskedData)
            try await handle(.life)
          case .pong: try await handle(.life)
          case .connectionClose:
            try? await socket.write(.connectionClose, frame.unmaskedData)
            return
          default: throw TunnelFault.malformed
          }
        }
      }
    } catch let fault as TunnelFault {
      throw fault
    } catch is CancellationError {
      throw CancellationError()
    } catch is NIOWebSocketError {
      throw TunnelFault.malformed
    } catch {
      throw TunnelFault.lost
    }
  }

  /// Sends one message, when there is room for it on the wire.
  func send(_ frame: HostFrame) async throws { try await write(.text, frame.encoded) }

  /// Asks the other end to say something.
  func ping() async throws { try await write(.ping, ByteBuffer()) }

  private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) async throws {
    try await outbound.write(WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data))
  }

  // MARK: Opening

  private static func open(
    _ url: RelayURL, _ trust: NIOSSLTrustRoots, _ limits: FrameLimits
  ) async throws -> Stream {
    let secure = try url.isSecure ? context(trust) : nil
    let upgraded: EventLoopFuture<Stream?>
    do {
      upgraded = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(.seconds(10))
        .channelOption(.socketOption(.so_keepalive), value: 1)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .connect(host: url.host, port: url.port) { channel in
          channel.eventLoop.makeCompletedFuture {
            if let secure {
              try channel.pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(context: secure, serverHostname: url.isNamed ? url.host : nil))
            }
            return try upgrade(channel, url, limits)
          }
        }
    } catch {
      throw TunnelFault.unreachable(reason: reason(error))
    }
    let stream: Stream?
    do {
      stream = try await upgraded.get()
    } catch let error where error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError {
      throw TunnelFault.unreachable(reason: reason(error))
    } catch {
      throw TunnelFault.notATunnel
    }
    guard let stream else { throw TunnelFault.notATunnel }
    return stream
  }

  private static func context(_ trust: NIOSSLTrustRoots) throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.trustRoots = trust
    configuration.applicationProtocols = ["http/1.1"]
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw TunnelFault.unreachable(reason: "no certificates to check it against")
    }
  }

  private static func upgrade(
    _ channel: any Channel, _ url: RelayURL, _ limits: FrameLimits
  ) throws -> EventLoopFuture<Stream?> {
    let upgrader = NIOTypedWebSocketClientUpgrader<Stream?>(
      maxFrameSize: limits.messageBytes,
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            NIOWebSocketFrameAggregator(
              minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 4096,
              maxAccumulatedFrameSize: limits.messageBytes))
          return try Stream(wrappingChannelSynchronously: channel)
        }
      })
    let head = HTTPRequestHead(
      version: .http1_1, method: .GET, uri: url.path,
      headers: ["Host": url.authority, "User-Agent": "osaurus-host", "Content-Length": "0"])
    let configuration = NIOTypedHTTPClientUpgradeConfiguration<Stream?>(
      upgradeRequestHead: head, upgraders: [upgrader],
      notUpgradingCompletionHandler: { channel in
        channel.close(promise: nil)
        return channel.eventLoop.makeSucceededFuture(nil)
      })
    var pipeline = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: configuration)
    // The first challenge may come in one piece with the answer that says that this is a tunnel from now on.
    pipeline.leftOverBytesStrategy = .forwardBytes
    let upgraded = try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
      configuration: pipeline)
    let timeout = channel.eventLoop.scheduleTask(in: .seconds(15)) { channel.close(promise: nil) }
    upgraded.whenComplete { _ in timeout.cancel() }
    return upgraded
  }

  /// A line for people, without what only programmers read.
  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let error = error.connectionErrors.first?.error as? IOError { return reason(error) }
      return "its name is not known"
    case let error as IOError: return String(cString: strerror(error.errnoCode))
    case is ChannelError: return "it does not answer"
    case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
      return "its certificate is not good for this name, or it speaks no TLS"
    default: return "no connection"
    }
  }
}
