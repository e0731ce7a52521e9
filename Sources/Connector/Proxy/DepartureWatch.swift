import NIOCore

/// Closes a connection soon after its other end said that it sends no more: a program that leaves says just that, and
/// nothing is written to it by which its absence could be noticed while an answer in one piece is being made.
final class DepartureWatch: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Any

  /// How long an answer goes on for one that has only closed its own side; as long as a host gives.
  private static let grace = TimeAmount.milliseconds(250)

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event {
      let loop = context.loopBound
      context.eventLoop.scheduleTask(in: Self.grace) { loop.value.close(promise: nil) }
    }
    context.fireUserInboundEventTriggered(event)
  }
}
