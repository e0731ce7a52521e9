import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

@testable import Relay

/// The relay's end of a tunnel, in the hands of a test: a real socket on which a test says and hears frames.
final class ScriptedRelay: Sendable {
  typealias Stream = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>

  /// One tunnel that a host opened.
  struct Tunnel {
    private let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    private var inbound: NIOAsyncChannelInboundStream<WebSocketFrame>.AsyncIterator

    fileprivate init(
      _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>,
      _ outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    ) {
      self.inbound = inbound.makeAsyncIterator()
      self.outbound = outbound
    }

    func say(_ frame: RelayFrame) async throws { try await say(String(buffer: frame.encoded)) }

    func say(_ text: String, opcode: WebSocketOpcode = .text) async throws {
      try await outbound.write(WebSocketFrame(fin: true, opcode: opcode, data: ByteBuffer(string: text)))
    }

    /// The next message, as it came; nil at the end.
    mutating func text() async throws -> String? {
      while let frame = try await inbound.next() {
        if frame.opcode == .text { return String(buffer: frame.unmaskedData) }
        if frame.opcode == .connectionClose { return nil }
      }
      return nil
    }

    mutating func frame() async throws -> HostFrame? {
      try await text().map { try HostFrame(ByteBuffer(string: $0)) }
    }
  }

  let port: Int
  private let listener: NIOAsyncChannel<EventLoopFuture<Stream?>, Never>

  private init(_ listener: NIOAsyncChannel<EventLoopFuture<Stream?>, Never>) {
    self.listener = listener
    port = listener.channel.localAddress?.port ?? 0
  }

  /// Listens, and plays each tunnel that is opened, one after another, while `body` runs.
  static func run(
    _ play: @escaping @Sendable (inout Tunnel, _ number: Int) async throws -> Void,
    during body: @escaping @Sendable (ScriptedRelay) async throws -> Void
  ) async throws {
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture { try upgraded(channel) }
      }
    let relay = ScriptedRelay(listener)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await listener.executeThenClose { tunnels in
          var number = 0
          for try await upgrade in tunnels {
            guard let stream = try? await upgrade.get() else { continue }
            number += 1
            try? await stream.executeThenClose { inbound, outbound in
              var tunnel = Tunnel(inbound, outbound)
              try await play(&tunnel, number)
            }
          }
        }
      }
      let result: Result<Void, any Error>
      do { result = .success(try await body(relay)) } catch { result = .failure(error) }
      group.cancelAll()
      while let done = await group.nextResult() { _ = done }
      try result.get()
    }
  }

  private static func upgraded(_ channel: any Channel) throws -> EventLoopFuture<Stream?> {
    let upgrader = NIOTypedWebSocketServerUpgrader<Stream?>(
      maxFrameSize: 1 << 24,
      shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture { try Stream(wrappingChannelSynchronously: channel) }
      })
    return try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
      configuration: .init(
        upgradeConfiguration: .init(upgraders: [upgrader]) { channel in
          channel.close(promise: nil)
          return channel.eventLoop.makeSucceededFuture(nil)
        }))
  }
}
