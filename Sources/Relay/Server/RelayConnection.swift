import NIOCore
import NIOHTTP1
import NIOSSL
import NIOWebSocket

/// Puts the handlers of a new connection on its channel: HTTP first, and where it asks to be a tunnel and may be one, that.
struct RelayConnection: Sendable {
  let board: Switchboard

  /// To be called on the channel's event loop.
  func configure(_ channel: any Channel, tls: NIOSSLContext?) throws {
    guard let peer = NetworkAddress(channel.remoteAddress) else {
      channel.close(promise: nil)
      return
    }
    // A proxy's connections are many people's.
    let counted = board.proxies.contains(peer) ? nil : peer
    guard board.connections.admit(counted) == .admitted else {
      channel.close(promise: nil)
      return
    }
    let connections = board.connections
    channel.closeFuture.whenComplete { _ in connections.leave(counted) }

    let pipeline = channel.pipeline.syncOperations
    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
    let meter = ByteMeter()
    let visitor = VisitorHandler(board: board, peer: peer)
    meter.counter = { _ in
      visitor.bytesArrived()
      return true
    }
    let patience = board.limits.closeTimeout
    visitor.headTimedOut = {
      meter.close(
        saying: "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        within: patience)
    }
    try pipeline.addHandler(meter)
    var decoding = NIOHTTPDecoderLimitConfiguration()
    decoding.maxHeaderFieldSize = board.limits.headerBytes
    decoding.maxHeaderListSize = board.limits.headerBytes
    decoding.maxHeaderFieldCount = board.limits.headerFields
    // How long a body is, or that it comes in pieces, is said by who writes the answer.
    var encoding = HTTPResponseEncoder.Configuration()
    encoding.automaticallySetFramingHeaders = false
    let parts = NIOLoopBound((meter: meter, visitor: visitor), eventLoop: channel.eventLoop)
    try pipeline.configureHTTPServerPipeline(
      withPipeliningAssistance: true, withServerUpgrade: ([upgrader(parts)], { _ in }),
      withErrorHandling: false, withOutboundHeaderValidation: true, withEncoderConfiguration: encoding,
      withDecoderLimitConfiguration: decoding)
    try pipeline.addHandler(visitor)
  }

  private func upgrader(
    _ parts: NIOLoopBound<(meter: ByteMeter, visitor: VisitorHandler)>
  ) -> NIOWebSocketServerUpgrader {
    NIOWebSocketServerUpgrader(
      maxFrameSize: board.limits.frames.messageBytes, automaticErrorHandling: false,
      shouldUpgrade: { channel, head in
        let visitor = parts.value.visitor
        guard case .relay("/tunnel/connect") = route(head) else {
          return channel.eventLoop.makeSucceededFuture(nil)
        }
        // What is sent before the answer would be read as frames, whatever it is.
        guard parts.value.meter.isOneHead, Self.hasNoBody(head) else {
          visitor.upgradeRefusal = .badRequest
          return channel.eventLoop.makeSucceededFuture(nil)
        }
        visitor.upgradeRefusal = admit(channel, visitor.source(of: head))
        return channel.eventLoop.makeSucceededFuture(visitor.upgradeRefusal == nil ? [:] : nil)
      },
      upgradePipelineHandler: { channel, head in
        channel.eventLoop.makeCompletedFuture {
          let (meter, visitor) = parts.value
          guard let name = head.headers.first(name: "host").flatMap({ RelayName(authority: $0) }) else {
            throw ChannelError.inappropriateOperationForState
          }
          let tunnel = TunnelHandler(
            board: board, source: visitor.source(of: head), name: name,
            now: channel.eventLoop.now)
          meter.counter = { bytes in tunnel.count(bytes) }
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(MaskCheck())
          try pipeline.addHandler(
            NIOWebSocketFrameAggregator(
              minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 4096,
              maxAccumulatedFrameSize: board.limits.frames.messageBytes))
          try pipeline.addHandler(tunnel)
          pipeline.removeHandler(visitor, promise: nil)
        }
      })
  }

  private static func hasNoBody(_ head: HTTPRequestHead) -> Bool {
    head.method == .GET && head.headers["transfer-encoding"].isEmpty
      && head.headers["content-length"].allSatisfy { $0 == "0" }
  }

  private func route(_ head: HTTPRequestHead) -> VisitorRoute {
    VisitorRoute(
      host: head.headers["host"], target: head.uri, method: head.method.rawValue, settings: board.settings)
  }

  /// Counts the socket of a tunnel until it closes, or says why it cannot be one.
  private func admit(_ channel: any Channel, _ source: NetworkAddress) -> RelayRefusal? {
    if board.answering.isStopping { return .stopping }
    guard board.connects.allows(source) else { return .rateLimited }
    switch board.tunnels.admit(source) {
    case .fullForSource: return .tooManyConnections
    case .full: return .relayFull
    case .admitted: break
    }
    let tunnels = board.tunnels
    channel.closeFuture.whenComplete { _ in tunnels.leave(source) }
    return nil
  }
}

extension VisitorHandler {
  /// Who asks for this.
  fileprivate func source(of head: HTTPRequestHead) -> NetworkAddress {
    board.proxies.source(peer, head.headers)
  }
}
