import NIOCore

/// Stands behind the socket (and TLS) and counts what comes before anything is made of it: for a tunnel, how much of a message
/// has come.
final class ByteMeter: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Who wants to know; answers whether it may go on.
  var counter: ((_ bytes: Int) -> Bool)?
  private var context: ChannelHandlerContext?

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  /// Says something before anything was asked, and closes.
  func close(saying text: String) {
    guard let context else { return }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenComplete { _ in
      bound.value.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if let counter, !counter(unwrapInboundIn(data).readableBytes) { return }
    context.fireChannelRead(data)
  }
}

@available(*, unavailable)
extension ByteMeter: Sendable {}
