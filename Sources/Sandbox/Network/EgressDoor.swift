import NIOCore
import NIOHTTP1
import NIOPosix

/// A program's side of one connection to the proxy, until it is joined with the far side: takes the request, has it checked, and
/// connects to an address that was.
final class EgressDoor: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart

  private enum State {
    /// Nothing was asked for yet.
    case listening
    /// A connection was asked for; the end of the request is to come.
    case asked(EgressRequest)
    /// The far side is being connected. What came with the request waits; nothing more is read. Of a tunnel that is bytes, of a
    /// plain request its parts.
    case opening(EgressRequest, waiting: [NIOAny])
    /// A plain request goes on to the far side.
    case forwarding(any Channel)
    case over
  }

  private let proxy: EgressProxy
  private let ledger: EgressLedger
  private var state = State.listening
  private var deadline: Scheduled<Void>?

  init(_ proxy: EgressProxy, _ ledger: EgressLedger) {
    self.proxy = proxy
    self.ledger = ledger
  }

  func channelActive(context: ChannelHandlerContext) {
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: proxy.surroundings.establishing) {
      self.refuse(.timedOut, context)
    }
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch state {
    case .listening: take(Self.unwrapInboundIn(data), context)
    case .asked(let request):
      guard case .end = Self.unwrapInboundIn(data) else { return }
      open(request, context)
      // What follows is not for it any more; what it holds of that comes here.
      if let decoder = try? context.pipeline.syncOperations.handler(
        type: ByteToMessageHandler<HTTPRequestDecoder>.self)
      {
        context.pipeline.syncOperations.removeHandler(decoder, promise: nil)
      }
    case .opening(let request, var waiting):
      waiting.append(data)
      state = .opening(request, waiting: waiting)
    case .forwarding(let far): forward(Self.unwrapInboundIn(data), to: far, context)
    case .over: break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    switch state {
    case .listening, .asked: context.read()
    case .forwarding(let far):
      far.flush()
      if far.isWritable { context.read() }
    case .over: context.read()
    case .opening: break
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if case .forwarding(let far) = state, context.channel.isWritable { far.read() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch (event, state) {
    case (ChannelEvent.inputClosed, .listening), (ChannelEvent.inputClosed, .asked),
      (ChannelEvent.inputClosed, .opening(.tunnel, _)), (ChannelEvent.inputClosed, .over),
      (is IdleStateHandler.IdleStateEvent, .forwarding):
      context.close(promise: nil)
    default: break
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    if case .forwarding(let far) = state { far.close(promise: nil) }
    leave()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case .listening = state, error is HTTPParserError {
      refuse(.malformed, context)
    } else {
      context.close(promise: nil)
    }
  }

  func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
    if case .opening(_, let waiting) = state {
      leave()
      for data in waiting { context.fireChannelRead(data) }
      context.fireChannelReadComplete()
    }
    context.leavePipeline(removalToken: removalToken)
  }

  private func leave() {
    state = .over
    deadline?.cancel()
    deadline = nil
  }

  // MARK: what is asked for

  private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
    guard case .head(let head) = part else { return }
    let request: EgressRequest
    do {
      request = try proxy.surroundings.isOpen ? EgressRequest(opening: head) : EgressRequest(head)
    } catch {
      ledger.note(malformed: head.uri)
      return refuse(.malformed, context, because: error.sentence)
    }
    ledger.note(request.target)
    guard proxy.surroundings.isOpen || proxy.policy.permits(request.target) else {
      return refuse(.notListed, context)
    }
    switch request {
    case .tunnel, .opened: state = .asked(request)
    case .plain: open(request, context)
    }
  }

  private func open(_ request: EgressRequest, _ context: ChannelHandlerContext) {
    state = .opening(request, waiting: [])
    let (lookups, rule, name) = (proxy.lookups, proxy.surroundings.rule, request.name)
    context.eventLoop.makeFutureWithTask { [channel = context.channel] in
      let found = await lookups.addresses(of: name) { channel.isActive }
      return (found.isEmpty, found.filter { rule.permits($0) })
    }.assumeIsolated().whenSuccess { isUnknown, addresses in
      guard !addresses.isEmpty else {
        let isOpen = self.proxy.surroundings.isOpen
        return self.refuse(isUnknown || isOpen ? .unresolved : .addressRefused, context)
      }
      self.connect(addresses.prefix(4), request, context)
    }
  }

  /// Connects to one of the addresses, which were checked, and to nothing that a name would stand for by now.
  private func connect(
    _ addresses: ArraySlice<InternetAddress>, _ request: EgressRequest, _ context: ChannelHandlerContext
  ) {
    guard case .opening = state else { return }
    guard let address = addresses.first,
      let place = try? address.socketAddress(port: request.target.port)
    else { return refuse(.unreachable, context) }
    ClientBootstrap(group: context.eventLoop)
      .channelOption(.autoRead, value: false)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .connectTimeout(.seconds(10))
      .connect(to: place)
      .assumeIsolated().whenComplete { result in
        guard case .success(let far) = result else {
          return self.connect(addresses.dropFirst(), request, context)
        }
        guard case .opening = self.state else { return far.close(promise: nil) }
        self.ledger.address = address
        self.join(far, request, context)
      }
  }

  // MARK: what becomes of it

  private func join(_ far: any Channel, _ request: EgressRequest, _ context: ChannelHandlerContext) {
    let near = context.channel
    let pipelines = (near: near.pipeline.syncOperations, far: far.pipeline.syncOperations)
    ledger.settle(.connected)
    deadline?.cancel()
    do {
      try pipelines.near.addHandler(
        IdleStateHandler(allTimeout: proxy.surroundings.idling), position: .before(self))
      switch request {
      case .tunnel, .opened:
        try pipelines.far.addHandler(EgressRelay(to: near, .back, ledger))
        try pipelines.near.addHandler(EgressRelay(to: far, .out, ledger), position: .after(self))
        near.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n"), promise: nil)
        pipelines.near.removeHandler(self, promise: nil)
      case .plain(_, let head):
        try pipelines.far.addHandlers(HTTPRequestEncoder(), EgressRelay(to: near, .back, ledger))
        guard case .opening(_, let waiting) = state else { return }
        state = .forwarding(far)
        far.write(HTTPClientRequestPart.head(head), promise: nil)
        for data in waiting { forward(Self.unwrapInboundIn(data), to: far, context) }
        far.flush()
        context.read()
      }
      far.read()
    } catch {
      far.close(promise: nil)
      context.close(promise: nil)
    }
  }

  private func forward(
    _ part: HTTPServerRequestPart, to far: any Channel, _ context: ChannelHandlerContext
  ) {
    guard far.isActive else { return context.close(promise: nil) }
    switch part {
    // One connection is for one request: the next one may be for another host.
    case .head: context.close(promise: nil)
    case .body(let bytes):
      ledger.sent += UInt64(bytes.readableBytes)
      far.write(HTTPClientRequestPart.body(.byteBuffer(bytes)), promise: nil)
    case .end(let trailers): far.write(HTTPClientRequestPart.end(trailers), promise: nil)
    }
  }

  /// Says that it will not be, and why.
  private func refuse(
    _ outcome: EgressRecord.Outcome, _ context: ChannelHandlerContext, because reason: String? = nil
  ) {
    ledger.settle(outcome)
    leave()
    let answer = EgressAnswer(outcome, because: reason)
    let channel = context.channel
    channel.writeAndFlush(ByteBuffer(string: answer.text), promise: nil)
    // What was sent before the answer was read is taken still: closing at once would take the answer back.
    channel.endOutput()
    deadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) {
      channel.close(promise: nil)
    }
    context.read()
  }
}
