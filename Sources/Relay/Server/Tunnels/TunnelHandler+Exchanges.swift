import NIOCore

/// Requests on their way to the host, and what it answers.
extension TunnelHandler {
  // MARK: From callers

  /// Sends a request to the host.
  func begin(_ exchange: Exchange, _ request: RelayRequest) {
    guard let context, !isEnding else { return fail(exchange, .tunnelClosed) }
    let limits = board.limits
    let features = session.features
    guard pending.count < limits.requestsPerTunnel,
      unsent + request.body.readableBytes <= limits.tunnelBytes
    else { return fail(exchange, .tunnelBusy) }
    guard features.contains(.base64) || request.body.isUTF8 else {
      return fail(exchange, .binaryUnsupported)
    }
    var request = request
    if features.contains(.window) { request.window = exchange.openWindow(limits.streamWindow) }
    let bound = request.messageBound(for: features)
    guard bound <= FrameLimits.requestBytes else { return fail(exchange, .bodyTooLarge) }
    guard unsent + bound <= limits.tunnelBytes else { return fail(exchange, .tunnelBusy) }
    guard let charge = exchange.charge(bound) else { return fail(exchange, .overloaded) }
    let message = RelayFrame.request(request).encoded(for: features)
    // From here on it counts as a message, and no longer as what came.
    exchange.bodyIsWritten()
    let deadline = now + TimeAmount(limits.answerTimeout)
    pending[exchange.number] = PendingExchange(exchange: exchange, deadline: deadline)
    schedule(exchange.number, at: deadline, context)
    send(message, charge)
    board.statistics.count(.relayedRequest)
  }

  /// The caller has gone: the host need not go on.
  func visitorLeft(_ number: UInt64) {
    guard pending[number] != nil else { return }
    forget(number)
    tellToStop(number)
  }

  /// The caller has read most of what waited for it.
  func visitorCaughtUp(_ number: UInt64) {
    guard let exchange = pending[number]?.exchange, exchange.unwritten <= Exchange.resumeMark,
      let id = tunnel?.id(of: number), exchange.resume()
    else { return }
    extend(number)
    send(.resume(id))
  }

  /// The caller has read, and there is room for more of the stream.
  func visitorRead(_ number: UInt64, to end: Int64) {
    guard pending[number]?.stage == .streaming, let id = tunnel?.id(of: number) else { return }
    extend(number)
    send(.window(id, end))
  }

  // MARK: From the host

  /// Takes what the host says about a request.
  func take(_ frame: HostFrame) {
    let id: RequestID
    switch frame {
    case .answer(let answer): id = answer.id
    case .streamStart(let head): id = head.id
    case .streamChunk(let named, _), .streamEnd(let named), .cancel(let named): id = named
    case .auth, .addAgent, .removeAgent, .requestChallenge, .pong, .unknown: return
    }
    guard let number = tunnel?.number(of: id) else {
      // It was never asked this.
      board.statistics.count(.unaskedAnswer)
      return end(code: 1008, reason: "no such request")
    }
    guard let stage = pending[number]?.stage else {
      board.statistics.count(.lateFrame)
      return
    }
    switch (frame, stage) {
    case (.answer(let answer), .asked): conclude(number, .whole(answer))
    case (.streamStart(let head), .asked): start(number, head)
    case (.streamChunk(_, let piece), .streaming): pass(number, piece)
    case (.streamEnd, .streaming): conclude(number, .end)
    case (.cancel, _): conclude(number, .failed(.answerBrokeOff))
    default: breakOff(number, .invalidAnswer)
    }
  }

  private func start(_ number: UInt64, _ head: RelayAnswerHead) {
    pending[number]?.stage = .streaming
    extend(number)
    // A stream may have less time than the host had to begin it.
    if let context, let deadline = pending[number]?.deadline { schedule(number, at: deadline, context) }
    _ = pending[number]?.exchange.deliver(.head(head))
  }

  private func pass(_ number: UInt64, _ piece: ByteBuffer) {
    guard let exchange = pending[number]?.exchange else { return }
    extend(number)
    guard piece.readableBytes > 0 else { return }
    guard exchange.unwritten + Exchange.bytes(of: .piece(piece)) <= board.limits.streamBytes else {
      return breakOff(number, .slowCaller)
    }
    guard exchange.deliver(.piece(piece)) else { return breakOff(number, .overloaded) }
    if exchange.unwritten > Exchange.pauseMark, session.features.contains(.flow), !exchange.hasWindow,
      exchange.pause(), let id = tunnel?.id(of: number)
    {
      send(.pause(id))
      // The caller may have caught up in between, when nobody was to be told.
      if exchange.unwritten <= Exchange.resumeMark { visitorCaughtUp(number) }
    }
  }

  // MARK: Ends

  /// The last word about a request.
  func conclude(_ number: UInt64, _ event: Exchange.Event) {
    guard let exchange = pending[number]?.exchange else { return }
    forget(number)
    // It was asked, so nobody may be told that it was not.
    if !exchange.deliver(event) { fail(exchange, .answerBrokeOff) }
  }

  /// The relay gives a request up, and tells both sides.
  private func breakOff(_ number: UInt64, _ refusal: RelayRefusal) {
    conclude(number, .failed(refusal))
    tellToStop(number)
  }

  private func fail(_ exchange: Exchange, _ refusal: RelayRefusal) {
    // It holds no bytes, so there is room for it.
    _ = exchange.deliver(.failed(refusal))
  }

  private func tellToStop(_ number: UInt64) {
    if let id = tunnel?.id(of: number) { send(.cancel(id)) }
  }

  private func forget(_ number: UInt64) {
    pending[number]?.timer?.cancel()
    pending[number] = nil
  }

  // MARK: Time

  private func extend(_ number: UInt64) {
    pending[number]?.deadline = now + TimeAmount(board.limits.streamTimeout)
  }

  private func schedule(_ number: UInt64, at time: NIODeadline, _ context: ChannelHandlerContext) {
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    pending[number]?.timer?.cancel()
    pending[number]?.timer = context.eventLoop.scheduleTask(deadline: time) {
      bound.value.timerFired(number)
    }
  }

  private func timerFired(_ number: UInt64) {
    guard let context, let waiting = pending[number] else { return }
    // A stream that is held waits for its caller, whom the caller's connection gives up in its own time.
    if waiting.exchange.isHeld { extend(number) }
    guard let deadline = pending[number]?.deadline else { return }
    if now < deadline {
      schedule(number, at: deadline, context)
    } else {
      breakOff(number, waiting.stage == .asked ? .gatewayTimeout : .streamTimeout)
    }
  }
}
