import NIOCore

/// What happens on a channel, for a test to take one after the other.
final class Inbox<Part: Sendable>: ChannelInboundHandler {
  typealias InboundIn = Part

  enum Event: Sendable {
    case part(Part)
    case failed(any Error)
    case closed
  }

  let events: AsyncStream<Event>
  private let continuation: AsyncStream<Event>.Continuation

  init() { (events, continuation) = AsyncStream.makeStream() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    continuation.yield(.part(unwrapInboundIn(data)))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    continuation.yield(.failed(error))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    continuation.yield(.closed)
    continuation.finish()
  }

  func handlerRemoved(context: ChannelHandlerContext) { continuation.finish() }
}

@available(*, unavailable)
extension Inbox: Sendable {}
