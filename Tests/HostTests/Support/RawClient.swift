import NIOCore
import NIOPosix

/// A TCP or Unix connection that sends exactly the bytes it is given.
struct RawClient {
  typealias Stream = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
  private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private let channel: any Channel
  private(set) var bytes: [UInt8] = []

  /// What was received, as text.
  var received: String { String(decoding: bytes, as: UTF8.self) }

  /// Connects, runs `body`, and closes.
  static func connect<R: Sendable>(
    port: Int, _ body: (inout RawClient) async throws -> R
  ) async throws -> R {
    let stream = try await bootstrap.connect(host: "127.0.0.1", port: port, channelInitializer: wrap)
    return try await run(stream, body)
  }

  static func connect<R: Sendable>(
    socket path: String, _ body: (inout RawClient) async throws -> R
  ) async throws -> R {
    let stream = try await bootstrap.connect(unixDomainSocketPath: path, channelInitializer: wrap)
    return try await run(stream, body)
  }

  /// Sends one text and returns all that comes back before the other side closes.
  static func exchange(port: Int, _ text: String) async throws -> String {
    try await connect(port: port) { client in
      try await client.send(text)
      return try await client.rest()
    }
  }

  mutating func send(_ text: String) async throws {
    try await outbound.write(ByteBuffer(string: text))
  }

  mutating func send(_ bytes: [UInt8]) async throws {
    try await outbound.write(ByteBuffer(bytes: bytes))
  }

  /// Sends one byte after another, each when the one before has left, until the other side closes.
  func dribble() async {
    while (try? await channel.writeAndFlush(ByteBuffer(string: "a")).get()) != nil {}
  }

  /// Says that nothing more will be sent, and goes on listening.
  func closeOutput() { outbound.finish() }

  /// Cuts the connection.
  func cut() async throws { try await channel.close() }

  /// Everything up to the end of the connection.
  mutating func rest() async throws -> String {
    do {
      while let more = try await inbound.next() { bytes += more.readableBytesView }
    } catch is IOError {}
    return received
  }

  /// Everything up to and with the first `marker`, or all when the connection ends before.
  mutating func read(until marker: String) async throws -> String {
    while !received.contains(marker), let more = try await inbound.next() {
      bytes += more.readableBytesView
    }
    return received
  }

  /// Forgets what was received.
  mutating func clear() { bytes = [] }

  private static var bootstrap: ClientBootstrap {
    ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
  }

  @Sendable private static func wrap(_ channel: any Channel) -> EventLoopFuture<Stream> {
    channel.eventLoop.makeCompletedFuture {
      try Stream(
        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
  }

  private static func run<R: Sendable>(
    _ stream: Stream, _ body: (inout RawClient) async throws -> R
  ) async throws -> R {
    try await stream.executeThenClose { inbound, outbound in
      var client = RawClient(
        inbound: inbound.makeAsyncIterator(), outbound: outbound, channel: stream.channel)
      return try await body(&client)
    }
  }

  private init(
    inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
    outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, channel: any Channel
  ) {
    self.inbound = inbound
    self.outbound = outbound
    self.channel = channel
  }
}
