import Identity
import Logging
import NIOCore
import NIOEmbedded
import Synchronization

@testable import Relay

/// A relay without sockets and without a clock: its connections are embedded channels of one loop, and time passes when somebody
/// says so. What it does is the same each time.
final class VirtualRelay {
  static let domain = "relay.test"
  static let start: Int64 = 1_800_000_000

  private final class UnixClock: Sendable {
    let now = Atomic(VirtualRelay.start)
  }

  let loop = EmbeddedEventLoop()
  let board: Switchboard
  private let clock = UnixClock()

  init(_ settings: RelaySettings) {
    board = Switchboard(
      settings, port: 443, logger: Logger(label: "virtual", factory: { _ in SwiftLogNoOpLogHandler() }),
      now: { [clock] in clock.now.load(ordering: .relaxed) })
  }

  /// The Unix second of its hosts and callers.
  var now: Int64 { clock.now.load(ordering: .relaxed) }

  func pass(_ time: TimeAmount) {
    let before = loop.now.uptimeNanoseconds / 1_000_000_000
    loop.advanceTime(by: time)
    clock.now.add(Int64(loop.now.uptimeNanoseconds / 1_000_000_000 - before), ordering: .relaxed)
  }

  /// Opens a connection.
  func connect(from address: String = "192.0.2.1") throws -> VirtualConnection {
    try VirtualConnection(to: self, from: SocketAddress(ipAddress: address, port: 4000))
  }

  /// Opens a tunnel for the agents of these keys.
  func tunnel(
    _ keys: [SigningKey], features: TunnelFeatures, from address: String = "192.0.2.1"
  ) throws -> VirtualTunnel {
    let tunnel = try VirtualTunnel(to: self, from: address)
    tunnel.authenticate(keys, features: features)
    return tunnel
  }
}

@available(*, unavailable)
extension VirtualRelay: Sendable {}

/// The other end of a connection to a ``VirtualRelay``.
final class VirtualConnection {
  private let channel: EmbeddedChannel
  private let valve = Valve()
  private let relay: VirtualRelay

  fileprivate init(to relay: VirtualRelay, from address: SocketAddress) throws {
    self.relay = relay
    channel = EmbeddedChannel(loop: relay.loop)
    channel.remoteAddress = address
    try channel.pipeline.syncOperations.addHandler(valve)
    try RelayConnection(board: relay.board).configure(channel, tls: nil)
    channel.connect(to: address, promise: nil)
    relay.loop.run()
  }

  var isOpen: Bool { channel.isActive }

  /// Whether this end reads.
  var isReading: Bool {
    get { valve.isOpen }
    set {
      valve.set(open: newValue, channel)
      relay.loop.run()
    }
  }

  func send(_ bytes: ByteBuffer) {
    // What the relay's handlers throw at themselves is theirs.
    _ = try? channel.writeInbound(bytes)
    relay.loop.run()
  }

  func send(_ text: String) { send(ByteBuffer(string: text)) }

  /// What has come since the last time.
  func read() -> ByteBuffer {
    var all = ByteBuffer()
    while let bytes = try? channel.readOutbound(as: ByteBuffer.self) { all.writeImmutableBuffer(bytes) }
    return all
  }

  func close() {
    channel.close(promise: nil)
    relay.loop.run()
  }

  /// Stands where the socket would be. While it is shut, what is written waits, and after 64 KiB the channel is not writable.
  private final class Valve: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private(set) var isOpen = true
    private var waiting: [(IOData, EventLoopPromise<Void>?)] = []
    private var bytes = 0
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
      self.context = nil
      for (_, promise) in waiting { promise?.fail(ChannelError.ioOnClosedChannel) }
      waiting = []
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
      guard !isOpen else { return context.write(data, promise: promise) }
      let data = unwrapOutboundIn(data)
      waiting.append((data, promise))
      bytes += data.readableBytes
      if bytes > 64 << 10 { setWritable(false) }
    }

    func set(open: Bool, _ channel: EmbeddedChannel) {
      isOpen = open
      guard open, let context else { return }
      let waiting = waiting
      (self.waiting, bytes) = ([], 0)
      for (data, promise) in waiting { context.writeAndFlush(wrapOutboundOut(data), promise: promise) }
      setWritable(true)
    }

    private func setWritable(_ isWritable: Bool) {
      guard let context, let channel = context.channel as? EmbeddedChannel, channel.isWritable != isWritable
      else { return }
      channel.isWritable = isWritable
      context.fireChannelWritabilityChanged()
    }
  }
}

@available(*, unavailable)
extension VirtualConnection: Sendable {}
