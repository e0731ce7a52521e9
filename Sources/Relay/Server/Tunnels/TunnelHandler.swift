import Identity
import Logging
import NIOCore
import NIOWebSocket

/// One tunnel's socket: hands what the host says to its session, strictly in order, does what that says, and carries requests
/// and answers. It lives on the tunnel's event loop.
final class TunnelHandler: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  let board: Switchboard
  let source: NetworkAddress
  var session: TunnelSession
  var context: ChannelHandlerContext?
  private(set) var tunnel: Tunnel?
  var pending: [UInt64: PendingExchange] = [:]
  /// Bytes that were written and that the host has not taken yet.
  var unsent = 0

  private let share: BudgetShare
  private var heard = 0
  private var control: TokenBucket
  private var isClaiming = false
  private var wasProven = false
  /// Messages that came while a claim was being looked into.
  private var waiting: CircularBuffer<ByteBuffer> = []
  private(set) var isEnding = false
  private var provers: [EventLoopPromise<Bool>] = []
  private var authTimer: Scheduled<Void>?
  private var writeTimer: Scheduled<Void>?
  private var pings: RepeatedTask?

  /// - Parameters:
  ///   - name: the relay's name by which the host dialled it.
  ///   - now: the time of the tunnel's event loop.
  init(board: Switchboard, source: NetworkAddress, name: RelayName, now: NIODeadline) {
    self.board = board
    self.source = source
    share = BudgetShare(of: board.budget, for: source)
    control = TokenBucket(perMinute: board.limits.controlFramesPerMinute, now: now)
    let urls = board.urls
    session = TunnelSession(
      limits: board.limits, makeURL: { urls.url(of: $0) }, makeNonce: { TunnelNonce.make(for: name.text) })
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    let loop = context.eventLoop
    tunnel = Tunnel(source: source, handler: self, loop: loop)
    board.statistics.tunnelOpened()
    let bound = NIOLoopBound(self, eventLoop: loop)
    authTimer = loop.scheduleTask(in: TimeAmount(board.limits.authTimeout)) {
      bound.value.perform(bound.value.session.authenticationTimedOut())
    }
    let interval = TimeAmount(board.limits.pingInterval)
    pings = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
      bound.value.perform(bound.value.session.pingDue(now: bound.value.board.now()))
    }
    perform(session.greeting)
  }

  func handlerRemoved(context: ChannelHandlerContext) { finish() }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is StopEvent { end(code: 1001, reason: "the relay ends") }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case is NIOWebSocketFrameAggregator.Error: end(code: 1009, reason: "message too big")
    case let error as NIOWebSocketError:
      end(code: error == .invalidFrameLength ? 1009 : 1002, reason: "protocol error")
    default: context.close(promise: nil)
    }
  }

  /// The socket is gone.
  private func finish() {
    guard let tunnel, context != nil else { return }
    context = nil
    authTimer?.cancel()
    writeTimer?.cancel()
    pings?.cancel()
    board.directory.release(session.agents, from: tunnel)
    for number in Array(pending.keys) { conclude(number, .failed(.tunnelClosed)) }
    for prover in provers { prover.succeed(false) }
    provers = []
    waiting = []
    share.giveBack()
    board.statistics.tunnelClosed(wasProven: wasProven)
    // The two hold each other.
    self.tunnel = nil
    board.logger.debug("a tunnel ended", metadata: ["source": "\(source)"])
  }

  /// The time of the event loop.
  var now: NIODeadline { context?.eventLoop.now ?? .now() }

  // MARK: What comes in

  /// Counts bytes of a message before it is whole. False where there are too many, and the tunnel ends.
  func count(_ bytes: Int) -> Bool {
    guard !isEnding else { return true }
    heard += bytes
    guard session.isProven || heard <= board.limits.unprovenBytes else {
      end(code: 1009, reason: "message too big")
      return false
    }
    // What fits into a read is not counted: every connection has that.
    guard heard > 64 << 10 else { return true }
    guard share.add(heard - share.bytes) else {
      end(code: 1013, reason: "try again later")
      return false
    }
    return true
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    guard !isEnding else {
      if frame.opcode == .connectionClose { context.close(promise: nil) }
      return
    }
    switch frame.opcode {
    case .text: receive(frame.unmaskedData)
    case .binary: perform(session.refuse(.notAnObject))
    case .connectionClose: end(code: 1000, reason: "")
    case .ping:
      if context.channel.isWritable {
        context.writeAndFlush(
          wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
      }
    case .pong: showsLife()
    default: break
    }
  }

  private func receive(_ message: ByteBuffer) {
    heard = 0
    share.giveBack()
    showsLife()
    guard !isClaiming else {
      waiting.append(message)
      return
    }
    handle(message)
  }

  private func handle(_ message: ByteBuffer) {
    do {
      let frame = try HostFrame(message, limits: board.limits.frames)
      if frame.isControl, !control.take(now: now) {
        perform(session.overran())
        return
      }
      if case .unknown = frame { board.statistics.count(.unknownFrame) }
      perform(session.receive(frame, now: board.now()))
    } catch {
      board.statistics.count(.refusedFrame)
      perform(session.refuse(error))
    }
  }

  private func showsLife() {
    guard !provers.isEmpty else { return }
    let provers = provers
    self.provers = []
    for prover in provers { prover.succeed(true) }
  }

  // MARK: What is to be done

  func perform(_ steps: [TunnelSession.Step]) {
    for step in steps {
      guard context != nil, !isEnding else { return }
      switch step {
      case .send(let frame):
        if case .authenticated = frame { authenticated() }
        if case .authError = frame { board.statistics.count(.failedAuthentication) }
        send(frame)
      case .claim(let addresses): claim(addresses)
      case .release(let address): if let tunnel { board.directory.release([address], from: tunnel) }
      case .exchange(let frame): take(frame)
      case .close(let code, let reason): end(code: code, reason: reason)
      }
    }
  }

  private func authenticated() {
    authTimer?.cancel()
    authTimer = nil
    wasProven = true
    board.statistics.tunnelProven()
    board.logger.debug(
      "a tunnel was authenticated", metadata: ["source": "\(source)", "agents": "\(session.agents.count)"])
  }

  /// Claims agents. Where another tunnel holds one, that tunnel has to show that its host is there; if it does not, what it holds
  /// goes to the newer proof.
  private func claim(_ addresses: [Address]) {
    guard let tunnel, let context else { return }
    let claims = board.directory.claim(addresses, for: tunnel, now: now)
    let holders = Set(claims.compactMap(\.holder))
    guard !holders.isEmpty else {
      perform(session.claimed(claims.map(\.outcome)))
      return
    }
    isClaiming = true
    setReading(false)
    let wait = TimeAmount(board.limits.takeoverWait)
    let loop = context.eventLoop
    let answers = holders.map { holder in holder.isAlive(within: wait).map { $0 ? nil : holder } }
    let bound = NIOLoopBound(self, eventLoop: loop)
    EventLoopFuture.whenAllSucceed(answers, on: loop).whenSuccess { dead in
      bound.value.claim(addresses, for: tunnel, from: Set(dead.compactMap(\.self)))
    }
  }

  private func claim(_ addresses: [Address], for tunnel: Tunnel, from dead: Set<Tunnel>) {
    isClaiming = false
    // A tunnel that has ended meanwhile has to let go of what it claimed.
    guard context != nil, !isEnding else { return board.directory.release(addresses, from: tunnel) }
    let claims = board.directory.claim(addresses, for: tunnel, from: dead, now: now)
    for holder in dead {
      board.statistics.count(.takeover)
      holder.close(code: 1000, reason: "replaced by a newer proof")
    }
    perform(session.claimed(claims.map(\.outcome)))
    while !isClaiming, !isEnding, let message = waiting.popFirst() { handle(message) }
    if !isClaiming { setReading(true) }
  }

  private func setReading(_ isReading: Bool) {
    guard let context else { return }
    context.channel.setOption(.autoRead, value: isReading).whenComplete { _ in }
    if isReading { context.read() }
  }

  /// Somebody else proves to be an agent of this tunnel: is its host there?
  func prove(within time: TimeAmount, _ promise: EventLoopPromise<Bool>) {
    guard let context, !isEnding else { return promise.succeed(false) }
    provers.append(promise)
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.scheduleTask(in: time) {
      guard let place = bound.value.provers.firstIndex(where: { $0.futureResult === promise.futureResult })
      else { return }
      bound.value.provers.remove(at: place).succeed(false)
    }
    send(.ping(board.now()))
  }

  // MARK: What goes out

  func send(_ frame: RelayFrame) { send(frame.encoded, nil) }

  /// - Parameter charge: what holds the message's room in the relay until the host has taken it.
  func send(_ message: ByteBuffer, _ charge: BudgetShare?) {
    guard let context, !isEnding else { return }
    let count = message.readableBytes
    unsent += count
    let bound = NIOLoopBound((handler: self, charge: charge), eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .text, data: message)))
      .whenComplete { _ in
        bound.value.handler.unsent -= count
        bound.value.charge?.giveBack()
      }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    writeTimer?.cancel()
    writeTimer = nil
    if !context.channel.isWritable {
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      writeTimer = context.eventLoop.scheduleTask(in: TimeAmount(board.limits.writeTimeout)) {
        bound.value.close(promise: nil)
      }
    }
    context.fireChannelWritabilityChanged()
  }

  /// Says why and closes, when the host has closed as well or a moment later. Nothing that comes meanwhile counts.
  func end(code: UInt16, reason: String) {
    guard let context, !isEnding else { return }
    isEnding = true
    waiting = []
    share.giveBack()
    // From now on nobody is to be sent here.
    if let tunnel { board.directory.release(session.agents, from: tunnel) }
    for number in Array(pending.keys) { conclude(number, .failed(.tunnelClosed)) }
    for prover in provers { prover.succeed(false) }
    provers = []
    var data = context.channel.allocator.buffer(capacity: 2 + reason.utf8.count)
    data.write(webSocketErrorCode: WebSocketErrorCode(codeNumber: Int(code)))
    data.writeString(reason)
    context.writeAndFlush(
      wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: data)), promise: nil)
    setReading(true)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.eventLoop.scheduleTask(in: TimeAmount(board.limits.closeTimeout)) {
      bound.value.close(promise: nil)
    }
  }
}

@available(*, unavailable)
extension TunnelHandler: Sendable {}

extension HostFrame {
  /// Whether it is about agents, which costs the relay more than it costs the host.
  fileprivate var isControl: Bool {
    switch self {
    case .auth, .addAgent, .removeAgent, .requestChallenge: true
    case .pong, .answer, .streamStart, .streamChunk, .streamEnd, .cancel, .unknown: false
    }
  }
}
