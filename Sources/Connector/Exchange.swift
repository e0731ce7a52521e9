import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// One request below the channel and what comes back, in the order in which it came.
///
/// Whatever arrived before a connection broke is given out before the error is: the client library is always ready
/// for more, and pieces wait here, up to ``heldLimit``, for whoever reads. It never repeats a request.
final class Exchange: HTTPClientResponseDelegate, Sendable {
  typealias Response = Void

  /// How many bytes may wait for the reader before the peer has to.
  static let heldLimit = 4 * 1024 * 1024

  private struct State {
    var visits = 0
    var head: HTTPResponseHead?
    var pieces: [ByteBuffer] = []
    var heldBytes = 0
    /// Succeeds when there is room again.
    var room: EventLoopPromise<Void>?
    var end: Result<Void, any Error>?
    var reader: CheckedContinuation<Void, Never>?
    /// Until when the reader waits.
    var deadline: NIODeadline?
    /// What looks at the time, and when.
    var alarm: (task: Scheduled<Void>, at: NIODeadline)?
    var cancel: (@Sendable () -> Void)?
    /// Grows with everything that a reader may wait for.
    var changes = 0

    mutating func takeReader() -> CheckedContinuation<Void, Never>? {
      changes += 1
      defer { (reader, deadline) = (nil, nil) }
      return reader
    }
  }

  private let loop: any EventLoop
  private let state = Mutex(State())

  private init(on loop: any EventLoop) { self.loop = loop }

  /// Sends a request.
  /// - Parameter loop: where the connection lives and the pieces arrive; the same, so that none is passed between.
  static func start(_ request: HTTPClient.Request, with client: HTTPClient, on loop: any EventLoop)
    -> Exchange
  {
    let exchange = Exchange(on: loop)
    let task = client.execute(
      request: request, delegate: exchange, eventLoop: .delegateAndChannel(on: loop), deadline: nil)
    exchange.state.withLock { $0.cancel = { task.cancel() } }
    task.futureResult.whenComplete { exchange.end($0) }
    return exchange
  }

  // MARK: Reading

  /// The head of the answer. One caller at a time, of this and of ``next(within:)``.
  /// - Throws: What the client library throws; ``TimeLimit/Exceeded`` when it takes longer than `limit`, or
  ///   `CancellationError`, upon which the exchange is over.
  func head(within limit: Duration) async throws -> HTTPResponseHead {
    try await wait(limit) { state in
      if let head = state.head { return .success(head) }
      switch state.end {
      case .failure(let error): return .failure(error)
      case .success: return .failure(HTTPClientError.remoteConnectionClosed)
      case nil: return nil
      }
    }
  }

  /// The next piece of the body; nil at its end.
  /// - Throws: As ``head(within:)``.
  func next(within limit: Duration) async throws -> ByteBuffer? {
    let (piece, room) = try await wait(limit) {
      state -> Result<(ByteBuffer?, EventLoopPromise<Void>?), any Error>? in
      guard !state.pieces.isEmpty else { return state.end.map { end in end.map { (nil, nil) } } }
      let piece = state.pieces.removeFirst()
      state.heldBytes -= piece.readableBytes
      var room: EventLoopPromise<Void>?
      if state.heldBytes < Self.heldLimit / 2 { swap(&room, &state.room) }
      return .success((piece, room))
    }
    room?.succeed()
    return piece
  }

  /// Whether the answer came from somewhere else than the request went to.
  var wasRedirected: Bool { state.withLock { $0.visits > 1 } }

  /// Ends the exchange, and its connection with it unless the answer is there to its end.
  func close() { end(.failure(CancellationError()), isClosed: true) }

  /// Waits until `take` finds what it looks for.
  private func wait<R: Sendable>(
    _ limit: Duration, _ take: @Sendable (inout State) -> Result<R, any Error>?
  ) async throws -> R {
    let deadline = NIODeadline.now() + TimeAmount(limit)
    while true {
      if Task.isCancelled { close() }
      let (result, seen) = state.withLock { (take(&$0), $0.changes) }
      if let result { return try result.get() }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isChanged = state.withLock { state in
            if state.changes != seen { return true }
            precondition(state.reader == nil, "an answer has one reader")
            state.reader = continuation
            state.deadline = deadline
            setAlarm(for: deadline, &state)
            return false
          }
          if isChanged { continuation.resume() }
        }
      } onCancel: {
        close()
      }
    }
  }

  /// Sees to it that somebody looks at the time at `deadline`. One alarm serves many waits: where it rings too early, it
  /// is set again.
  private func setAlarm(for deadline: NIODeadline, _ state: inout State) {
    if let alarm = state.alarm {
      guard deadline < alarm.at else { return }
      alarm.task.cancel()
    }
    state.alarm = (loop.scheduleTask(deadline: deadline) { [weak self] in self?.ring() }, deadline)
  }

  private func ring() {
    let isOver = state.withLock { state in
      state.alarm = nil
      guard state.end == nil, let deadline = state.deadline else { return false }
      guard deadline <= .now() else {
        setAlarm(for: deadline, &state)
        return false
      }
      return true
    }
    if isOver { end(.failure(TimeLimit.Exceeded()), isClosed: true) }
  }

  // MARK: The client library's side

  func didVisitURL(task: HTTPClient.Task<Void>, _ request: HTTPClient.Request, _ head: HTTPResponseHead) {
    state.withLock { $0.visits += 1 }
  }

  func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
    let reader = state.withLock { state in
      state.head = head
      return state.takeReader()
    }
    reader?.resume()
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
    let (reader, room) = state.withLock {
      state -> (CheckedContinuation<Void, Never>?, EventLoopPromise<Void>?) in
      // Nobody reads any more; the request is being cancelled.
      guard state.end == nil else { return (nil, nil) }
      state.pieces.append(buffer)
      state.heldBytes += buffer.readableBytes
      if state.heldBytes > Self.heldLimit, state.room == nil { state.room = task.eventLoop.makePromise() }
      return (state.takeReader(), state.room)
    }
    reader?.resume()
    return room?.futureResult ?? task.eventLoop.makeSucceededVoidFuture()
  }

  // How it ends is told by the task's future, also where it could not begin.
  func didFinishRequest(task: HTTPClient.Task<Void>) {}

  /// The first end counts, but for a reader that goes away.
  private func end(_ result: Result<Void, any Error>, isClosed: Bool = false) {
    let (reader, room, cancel, alarm) = state.withLock { state in
      if state.end == nil { state.end = result }
      if isClosed {
        state.pieces = []
        state.end = result
      }
      defer { (state.room, state.cancel, state.alarm) = (nil, nil, nil) }
      return (state.takeReader(), state.room, isClosed ? state.cancel : nil, state.alarm)
    }
    alarm?.task.cancel()
    room?.succeed()
    reader?.resume()
    cancel?()
  }
}
