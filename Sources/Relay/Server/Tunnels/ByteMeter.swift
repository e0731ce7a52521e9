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
  private var received = 0
  /// Where the first head ends, once it does, and how much of its end has come.
  private var headEnd: Int?
  private var ending = 0
  private static let blankLine: [UInt8] = [13, 10, 13, 10]

  /// Whether all that has come is the head of one request, with nothing behind it.
  var isOneHead: Bool { headEnd == received }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  /// Says something before anything was asked, and closes.
  /// - Parameter patience: how long that may take to be said. Before a handshake of TLS has ended, it never is.
  func close(saying text: String, within patience: Duration) {
    guard let context else { return }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.eventLoop.scheduleTask(in: TimeAmount(patience)) { bound.value.close(promise: nil) }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).whenComplete { _ in
      bound.value.close(promise: nil)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    note(bytes)
    if let counter, !counter(bytes.readableBytes) { return }
    context.fireChannelRead(data)
  }

  private func note(_ bytes: ByteBuffer) {
    if headEnd == nil {
      for (place, byte) in bytes.readableBytesView.enumerated() {
        ending = byte == Self.blankLine[ending] ? ending + 1 : byte == 13 ? 1 : 0
        guard ending == Self.blankLine.count else { continue }
        headEnd = received + place + 1
        break
      }
    }
    received += bytes.readableBytes
  }
}

@available(*, unavailable)
extension ByteMeter: Sendable {}
