import NIOCore
import NIOHTTP1

/// Watches one connection's clock: a head that does not come, a body that pauses or dribbles, a caller that does not read,
/// one that sends on after it was refused, and one that has gone. It stands between the HTTP decoder and the task
/// that answers.
///
/// It lives on the connection's event loop. What it finds out reaches the answering task as an error of the
/// inbound stream, or through `CallerWatch`.
final class ConnectionGuard: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// Tells a connection to end as soon as nothing is being answered on it.
  struct Drain: Sendable {}

  /// What the inbound stream fails with.
  enum Fault: Error {
    /// A head or a body did not come in time.
    case timedOut
  }

  private enum Reading {
    case nothing
    case head
    case body
  }

  private let limits: HostLimits
  private let watch: CallerWatch
  private var reading = Reading.nothing
  private var body: BodyAllowance
  /// Requests whose head was read and whose answer is not yet written to its end.
  private var unanswered = 0
  private var isLingering = false
  private var isDraining = false
  private var hasInputClosed = false
  private var deadline: NIODeadline?
  private var timer: Scheduled<Void>?
  private var writeTimer: Scheduled<Void>?

  init(limits: HostLimits, watch: CallerWatch) {
    self.limits = limits
    self.watch = watch
    body = Self.allowance(limits)
  }

  private static func allowance(_ limits: HostLimits) -> BodyAllowance {
    BodyAllowance(pause: TimeAmount(limits.bodyTimeout), rate: limits.bodyRate)
  }

  // MARK: What comes in

  func handlerAdded(context: ChannelHandlerContext) {
    // A connection is made to ask something: its first head is waited for no longer than any other.
    if reading == .nothing { reading = .head }
    progress(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    writeTimer?.cancel()
  }

  /// Bytes arrived, whatever they turn out to be.
  func bytesArrived(context: ChannelHandlerContext) {
    if reading == .nothing {
      reading = .head
      progress(context)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isLingering { return }
    switch unwrapInboundIn(data) {
    case .head:
      reading = .body
      body = Self.allowance(limits)
      unanswered += 1
    case .body(let bytes):
      body.add(bytes.readableBytes)
    case .end:
      reading = .nothing
    }
    progress(context)
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // Nobody reads any more, but a caller that still sends would not get to see its answer.
    if isLingering { context.read() }
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is Drain:
      isDraining = true
      if unanswered == 0 { context.close(promise: nil) }
    case ChannelEvent.inputClosed:
      hasInputClosed = true
      if isLingering { context.close(promise: nil) }
      let watch = watch
      context.eventLoop.scheduleTask(in: TimeAmount(limits.departureGrace)) { watch.callerLeft() }
      context.fireUserInboundEventTriggered(event)
    default:
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    watch.callerLeft()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if isLingering { return }
    context.fireErrorCaught(error)
  }

  // MARK: What goes out

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head) where isDraining && head.status != .continue:
      head.headers.replaceOrAdd(name: "Connection", value: "close")
      context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .head, .body:
      context.write(data, promise: promise)
    case .end:
      unanswered = max(0, unanswered - 1)
      context.write(data, promise: promise)
      progress(context)
      if isDraining && unanswered == 0 {
        context.flush()
        close(context: context, mode: .output, promise: nil)
      }
    }
  }

  /// The last answer is written: the caller may read it in peace, and send on for a moment.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard mode == .output else {
      context.close(mode: mode, promise: promise)
      return
    }
    if isLingering {
      promise?.succeed()
      return
    }
    isLingering = true
    timer?.cancel()
    timer = nil
    deadline = nil
    context.close(mode: .output, promise: promise)
    if hasInputClosed {
      context.close(promise: nil)
    } else {
      let loop = context.loopBound
      timer = context.eventLoop.scheduleTask(in: TimeAmount(limits.lingerTimeout)) {
        loop.value.close(promise: nil)
      }
      context.read()
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    writeTimer?.cancel()
    writeTimer = nil
    if !context.channel.isWritable {
      let loop = context.loopBound
      writeTimer = context.eventLoop.scheduleTask(in: TimeAmount(limits.writeTimeout)) {
        loop.value.close(promise: nil)
      }
    }
    context.fireChannelWritabilityChanged()
  }

  // MARK: The clock

  /// Until when what the connection waits for right now has to come; nil where it does not wait for the caller.
  private func patience() -> NIODeadline? {
    let now = NIODeadline.now()
    switch reading {
    case .nothing: return unanswered == 0 ? now + TimeAmount(limits.idleTimeout) : nil
    case .head: return unanswered == 0 ? now + TimeAmount(limits.headTimeout) : nil
    // The body of a later request waits for the answer to an earlier one, not for the caller.
    case .body: return unanswered == 1 ? body.deadline(after: now) : nil
    }
  }

  private func progress(_ context: ChannelHandlerContext) {
    guard !isLingering else { return }
    guard let new = patience() else {
      deadline = nil
      return
    }
    let isEarlier = deadline.map { new < $0 } ?? true
    deadline = new
    if timer == nil || isEarlier { schedule(context, at: new) }
  }

  private func schedule(_ context: ChannelHandlerContext, at time: NIODeadline) {
    timer?.cancel()
    let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(deadline: time) {
      let (handler, context) = bound.value
      handler.timerFired(context)
    }
  }

  private func timerFired(_ context: ChannelHandlerContext) {
    timer = nil
    guard let deadline, !isLingering else { return }
    if NIODeadline.now() < deadline {
      schedule(context, at: deadline)
      return
    }
    self.deadline = nil
    switch reading {
    case .nothing: context.close(promise: nil)
    case .head, .body: context.fireErrorCaught(Fault.timedOut)
    }
  }
}

/// Stands before the HTTP decoder and says when the first bytes of a request arrive.
final class ByteWatch: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let connection: ConnectionGuard

  init(_ connection: ConnectionGuard) {
    self.connection = connection
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    connection.bytesArrived(context: context)
    context.fireChannelRead(data)
  }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}

@available(*, unavailable)
extension ByteWatch: Sendable {}

extension TimeAmount {
  fileprivate init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
  }
}

extension ChannelHandlerContext {
  fileprivate var loopBound: NIOLoopBound<ChannelHandlerContext> {
    NIOLoopBound(self, eventLoop: eventLoop)
  }
}
