import Identity
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// One caller's connection: takes a request at a time, has an agent's host or the relay itself answer it, and sees to it that
/// nobody keeps the connection without using it. It lives on the connection's event loop.
final class VisitorHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State {
    /// Waits for a request.
    case idle
    /// A request's head has come.
    case reading(VisitorRequest)
    /// A host has been asked.
    case asked(Exchange, VisitorRequest)
    /// The answer's head has gone out, and more is to come.
    case streaming(Exchange, VisitorRequest)
    /// The last answer of this connection is written; what comes is dropped.
    case last
  }

  let board: Switchboard
  let peer: NetworkAddress
  /// Why this connection did not become a tunnel, though it asked to.
  var upgradeRefusal: RelayRefusal?

  /// Ends the connection of a caller that has asked nothing in time.
  var headTimedOut: (() -> Void)?

  private var context: ChannelHandlerContext?
  private var state = State.idle
  private var clock = VisitorClock()

  init(board: Switchboard, peer: NetworkAddress) {
    self.board = board
    self.peer = peer
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    clock.headBegan = now
  }

  func channelActive(context: ChannelHandlerContext) {
    keepTime()
    context.fireChannelActive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    leave()
    self.context = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  /// The caller has gone, or the connection has become a tunnel.
  private func leave() {
    clock.timer?.cancel()
    clock.timer = nil
    switch state {
    case .asked(let exchange, let request), .streaming(let exchange, let request):
      request.turn = nil
      exchange.cancel()
    case .idle, .reading, .last: break
    }
    state = .last
    headTimedOut = nil
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    // It is answered as a request like any other.
    case is NIOWebSocketUpgradeError, is HTTPServerUpgradeErrors: break
    case let error as HTTPParserError:
      guard case .last = state else {
        refuse(error == .headerOverflow ? .headersTooLarge : .badRequest, nil)
        return
      }
    default: context.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is StopEvent { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  // MARK: What comes in

  /// Bytes arrived, whatever they turn out to be.
  func bytesArrived() {
    guard case .idle = state, clock.headBegan == nil else { return }
    clock.headBegan = now
    keepTime()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (unwrapInboundIn(data), state) {
    case (.head(let head), .idle):
      clock.headBegan = nil
      // Whoever asks on without reading answers is not waited for.
      guard context.channel.isWritable else { return context.close(promise: nil) }
      began(VisitorRequest(head, board, peer, upgradeRefusal, now: now), context)
    case (.body(let bytes), .reading(let request)): took(bytes, request)
    case (.end, .reading(let request)): ended(request)
    default: break
    }
    keepTime()
  }

  private func began(_ request: VisitorRequest, _ context: ChannelHandlerContext) {
    if let refusal = request.earlyRefusal { return refuse(refusal, request) }
    state = .reading(request)
    if request.expectsContinue {
      context.writeAndFlush(
        wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }
  }

  private func took(_ bytes: ByteBuffer, _ request: VisitorRequest) {
    guard request.body.readableBytes + bytes.readableBytes <= board.limits.bodyBytes else {
      return refuse(.bodyTooLarge, request)
    }
    guard request.share.add(bytes.readableBytes) else { return refuse(.overloaded, request) }
    request.take(bytes)
  }

  private func ended(_ request: VisitorRequest) {
    request.isWhole = true
    switch request.plan {
    case .refuse(let refusal): refuse(refusal, request)
    case .preflight: answer(request, .noContent, HeaderRules.preflight, ByteBuffer())
    case .page(let path):
      switch OwnPages(board: board).page(path, method: request.method, source: request.source) {
      case .found(let headers, let body): answer(request, .ok, headers, body)
      case .refused(let refusal): refuse(refusal, request)
      }
    case .ask(let tunnel, let agent, let path): ask(tunnel, agent, path, request)
    }
  }

  private func ask(_ tunnel: Tunnel, _ agent: Address, _ path: RelayPath, _ request: VisitorRequest) {
    guard let context else { return }
    guard
      let headers = HeaderRules.toHost(
        request.headers, agent: agent, source: request.source, bodyBytes: request.body.readableBytes,
        limits: board.limits)
    else { return refuse(.headersTooLarge, request) }
    let number = tunnel.nextNumber()
    let exchange = Exchange(
      number: number, tunnel: tunnel, visitor: NIOLoopBound(self, eventLoop: context.eventLoop),
      budget: board.budget, source: request.source, body: request.share.handOver())
    state = .asked(exchange, request)
    request.turn = board.answering.begin()
    tunnel.begin(
      exchange,
      RelayRequest(
        id: tunnel.id(of: number), method: request.method.rawValue, path: path, headers: headers,
        body: request.takeBody()))
  }

  // MARK: What the host answers

  /// Takes what a tunnel has for this caller.
  func received(_ event: Exchange.Event, of exchange: Exchange) {
    defer { keepTime() }
    switch (event, state) {
    case (.whole(let answer), .asked(exchange, let request)):
      guard let status = AnswerStatus(answer.status) else {
        return fail(.invalidAnswer, request, event, exchange)
      }
      conclude()
      var headers = HeaderRules.toVisitor(answer.headers)
      if request.isHead, let length = answer.headers["content-length"].flatMap({ UInt64($0) }) {
        headers.add(name: "content-length", value: "\(length)")
      }
      self.answer(request, status.http, headers, answer.body, exchange)
    case (.head(let head), .asked(exchange, let request)):
      guard let status = AnswerStatus(head.status) else {
        exchange.cancel()
        return fail(.invalidAnswer, request, event, exchange)
      }
      let headers = HeaderRules.toVisitor(head.headers)
      guard status.mayHaveBody, !request.isHead else {
        // There is nothing to wait for.
        exchange.cancel()
        conclude()
        return answer(request, status.http, headers, ByteBuffer())
      }
      request.share.giveBack()
      state = .streaming(exchange, request)
      startStream(request, status.http, headers)
    case (.piece(let piece), .streaming(exchange, _)):
      write(piece, exchange, cost: Exchange.bytes(of: event))
    case (.end, .streaming(exchange, let request)):
      conclude()
      finish(request)
    case (.failed(let refusal), .asked(exchange, let request)): fail(refusal, request, event, exchange)
    case (.failed(let refusal), .streaming(exchange, let request)):
      conclude()
      breakOff(refusal, request)
    default: exchange.written(Exchange.bytes(of: event))
    }
  }

  private func fail(
    _ refusal: RelayRefusal, _ request: VisitorRequest, _ event: Exchange.Event, _ exchange: Exchange
  ) {
    exchange.written(Exchange.bytes(of: event))
    conclude()
    refuse(refusal, request)
  }

  /// Nothing more comes of the exchange.
  private func conclude() { state = .idle }

  // MARK: What goes out

  private func refuse(_ refusal: RelayRefusal, _ request: VisitorRequest?) {
    board.statistics.count(refusal)
    answer(
      request ?? VisitorRequest.unreadable(board, peer, now: now), refusal.status,
      ["content-type": "application/json; charset=utf-8"],
      ByteBuffer(string: "{\"error\":\"\(refusal.code)\"}"))
  }

  /// Writes a whole answer.
  /// - Parameter exchange: of which the body's bytes are, if they are a host's.
  private func answer(
    _ request: VisitorRequest, _ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ body: ByteBuffer,
    _ exchange: Exchange? = nil
  ) {
    guard let context else {
      exchange?.written(body.readableBytes)
      return
    }
    request.share.giveBack()
    var headers = headers
    let hasBody = AnswerStatus.mayHaveBody(status) && !request.isHead
    // 204 and 304 have no length; an answer to HEAD has the one that it would have.
    if AnswerStatus.mayHaveBody(status) || status == .resetContent {
      if !request.isHead || body.readableBytes > 0 || exchange == nil {
        let length = hasBody || request.isHead ? body.readableBytes : 0
        headers.replaceOrAdd(name: "content-length", value: "\(length)")
      }
    }
    send(head: status, headers, request, context)
    if hasBody {
      var body = body
      while let piece = body.readSlice(length: min(64 << 10, body.readableBytes)), piece.readableBytes > 0 {
        write(piece, exchange, cost: piece.readableBytes, flush: false)
      }
    } else {
      exchange?.written(body.readableBytes)
    }
    finish(request)
  }

  private func startStream(
    _ request: VisitorRequest, _ status: HTTPResponseStatus, _ headers: HTTPHeaders
  ) {
    guard let context else { return }
    var headers = headers
    // Without pieces the end of the connection is the end of the answer.
    if request.isOld {
      request.isLast = true
    } else {
      headers.replaceOrAdd(name: "transfer-encoding", value: "chunked")
    }
    send(head: status, headers, request, context)
    context.flush()
  }

  private func send(
    head status: HTTPResponseStatus, _ headers: HTTPHeaders, _ request: VisitorRequest,
    _ context: ChannelHandlerContext
  ) {
    var headers = headers
    // What is left of a request that was answered too early is no request.
    if !request.isWhole || request.isOld || board.answering.isStopping { request.isLast = true }
    if request.isLast { headers.replaceOrAdd(name: "connection", value: "close") }
    let version: HTTPVersion = request.isOld ? .http1_0 : .http1_1
    context.write(
      wrapOutboundOut(.head(HTTPResponseHead(version: version, status: status, headers: headers))),
      promise: nil)
  }

  /// - Parameter cost: what the piece has of the relay's room.
  private func write(_ piece: ByteBuffer, _ exchange: Exchange?, cost: Int, flush: Bool = true) {
    guard let context else {
      exchange?.written(cost)
      return
    }
    let count = piece.readableBytes
    clock.wrote(count, now: now)
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenComplete { _ in
      exchange?.written(cost)
      bound.value.clock.sent(count, now: bound.value.now)
      bound.value.keepTime()
    }
    context.write(wrapOutboundOut(.body(.byteBuffer(piece))), promise: promise)
    if flush { context.flush() }
  }

  private func finish(_ request: VisitorRequest) {
    guard let context else { return }
    state = request.isLast ? .last : .idle
    let ended = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    let answered = NIOLoopBound(request, eventLoop: context.eventLoop)
    ended.whenComplete { _ in answered.value.turn = nil }
    guard request.isLast else { return }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    let linger = TimeAmount(board.limits.closeTimeout)
    ended.whenComplete { _ in
      // The caller may read it in peace, and send on for a moment.
      bound.value.close(mode: .output, promise: nil)
      bound.value.eventLoop.scheduleTask(in: linger) { bound.value.close(promise: nil) }
    }
  }

  /// Ends an answer before its end, so that the caller sees that there was to be more: in HTTP/1.1 the last chunk is missing, and in
  /// HTTP/1.0 the connection is reset.
  private func breakOff(_ refusal: RelayRefusal, _ request: VisitorRequest) {
    guard let context else { return }
    board.statistics.count(.brokenStream)
    board.statistics.count(refusal)
    state = .last
    let isTooSlow = refusal == .slowCaller || refusal == .overloaded
    let resets = request.isOld
    let channel = context.channel
    if isTooSlow { return channel.reset() }
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer())))).whenComplete { _ in
      if resets { channel.reset() } else { channel.close(promise: nil) }
    }
  }

  // MARK: The clock

  /// The time of the event loop.
  private var now: NIODeadline { context?.eventLoop.now ?? .now() }

  /// Until when what the connection waits for has to come.
  private func patience(_ now: NIODeadline) -> NIODeadline? {
    let limits = board.limits
    if clock.unsent > 0 { return clock.progress + TimeAmount(limits.writeTimeout) }
    switch state {
    case .idle:
      if let began = clock.headBegan { return began + TimeAmount(limits.headTimeout) }
      return now + TimeAmount(limits.idleTimeout)
    case .reading(let request): return request.pace.deadline(after: now)
    case .asked, .streaming, .last: return nil
    }
  }

  private func keepTime() {
    guard let context else { return }
    let new = patience(now)
    let isEarlier = new.map { new in clock.deadline.map { new < $0 } ?? true } ?? false
    clock.deadline = new
    if let new, clock.timer == nil || isEarlier { schedule(at: new, context) }
  }

  private func schedule(at time: NIODeadline, _ context: ChannelHandlerContext) {
    clock.timer?.cancel()
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    clock.timer = context.eventLoop.scheduleTask(deadline: time) { bound.value.timerFired() }
  }

  private func timerFired() {
    clock.timer = nil
    guard let context, let deadline = clock.deadline else { return }
    guard now >= deadline else { return schedule(at: deadline, context) }
    clock.deadline = nil
    switch state {
    case .reading(let request) where clock.unsent == 0: refuse(.requestTimeout, request)
    case .idle where clock.unsent == 0 && clock.headBegan != nil:
      // No request is there to be answered.
      board.statistics.count(.requestTimeout)
      state = .last
      headTimedOut?()
    default: context.close(promise: nil)
    }
  }
}

@available(*, unavailable)
extension VisitorHandler: Sendable {}
