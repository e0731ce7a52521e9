import NIOCore

/// One side of a connection that was made: what is read here is written to the other side, no faster than that one takes it. The
/// end of what is read is passed on as such, so that what is under way arrives first.
final class EgressRelay: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  /// Which way the bytes go that this side reads.
  enum Direction {
    case out, back
  }

  private let other: any Channel
  private let direction: Direction
  private let ledger: EgressLedger

  init(to other: any Channel, _ direction: Direction, _ ledger: EgressLedger) {
    self.other = other
    self.direction = direction
    self.ledger = ledger
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = Self.unwrapInboundIn(data)
    switch direction {
    case .out: ledger.sent += UInt64(buffer.readableBytes)
    case .back: ledger.received += UInt64(buffer.readableBytes)
    }
    guard other.isActive else { return context.close(promise: nil) }
    other.write(buffer, promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    other.flush()
    if other.isWritable { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { other.read() }
    context.fireChannelWritabilityChanged()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case ChannelEvent.inputClosed: other.endOutput()
    case is IdleStateHandler.IdleStateEvent: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    switch direction {
    // The program is gone, and with it whom an answer would be for.
    case .out: other.close(promise: nil)
    case .back: other.endOutput()
    }
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension Channel {
  /// Ends what is written, after all that was. A channel whose input has ended would otherwise drop what is still to be sent.
  func endOutput() {
    let channel = self
    writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(mode: .output, promise: nil) }
  }
}
