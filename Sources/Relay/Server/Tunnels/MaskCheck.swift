import NIOCore
import NIOWebSocket

/// Lets only frames through that are masked, as all of a client's have to be. (RFC 6455 §5.1)
final class MaskCheck: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias InboundOut = WebSocketFrame

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard unwrapInboundIn(data).maskKey != nil else {
      return context.fireErrorCaught(NIOWebSocketError.multiByteControlFrameLength)
    }
    context.fireChannelRead(data)
  }
}

@available(*, unavailable)
extension MaskCheck: Sendable {}
