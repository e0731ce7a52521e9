import NIOCore
import Synchronization

/// One request on its way to a host and its answer on the way back, between the tunnel's event loop and the caller's.
final class Exchange: Sendable {
  /// What comes back.
  enum Event: Sendable {
    case whole(RelayAnswer)
    case head(RelayAnswerHead)
    case piece(ByteBuffer)
    case end
    /// There will be no answer, or no more of it.
    case failed(RelayRefusal)
  }

  let number: UInt64
  let tunnel: Tunnel
  private let visitor: NIOLoopBound<VisitorHandler>
  private let loop: any EventLoop
  private let budget: ByteBudget
  /// Who asks.
  private let source: NetworkAddress
  /// What the request's body has of the budget, until it is written as a message.
  private let body: Atomic<Int>
  private let waiting = Atomic(0)
  private let isPaused = Atomic(false)
  /// nil where the host understands no windows.
  private let window = Mutex<ReceiveWindow?>(nil)

  /// - Parameter body: the bytes of the request's body that were taken from the budget, to be given back here.
  init(
    number: UInt64, tunnel: Tunnel, visitor: NIOLoopBound<VisitorHandler>, budget: ByteBudget,
    source: NetworkAddress, body: Int
  ) {
    self.body = Atomic(body)
    self.number = number
    self.tunnel = tunnel
    self.visitor = visitor
    loop = visitor.eventLoop
    self.budget = budget
    self.source = source
  }

  deinit { bodyIsWritten() }

  // MARK: The tunnel's side

  /// The request's body is not kept any longer, as such.
  func bodyIsWritten() { budget.give(body.exchange(0, ordering: .relaxed), of: source) }

  /// Room for so many bytes that wait for the host, at the cost of who asks; nil where there is none.
  func charge(_ bytes: Int) -> BudgetShare? {
    let share = BudgetShare(of: budget, for: source)
    return share.add(bytes) ? share : nil
  }

  /// Bytes that the caller has not been sent yet.
  var unwritten: Int { waiting.load(ordering: .relaxed) }

  /// Hands an event to the caller.
  /// - Returns: False where the relay has no room for its bytes; the event is then dropped.
  func deliver(_ event: Event) -> Bool {
    let bytes = Self.bytes(of: event)
    guard budget.take(bytes, for: source) else { return false }
    waiting.add(bytes, ordering: .relaxed)
    if case .piece = event { window.withLock { $0?.receive(bytes) } }
    loop.execute { self.visitor.value.received(event, of: self) }
    return true
  }

  /// From now on the host sends no more than it was told that the caller has room for.
  /// - Returns: How much that is at first.
  func openWindow(_ size: Int) -> Int64 {
    let new = ReceiveWindow(size: size)
    window.withLock { $0 = new }
    return new.told
  }

  /// Whether the host waits for the caller, as far as the relay knows.
  var isHeld: Bool { window.withLock { $0?.isUsedUp } ?? (unwritten > Self.resumeMark) }

  /// Whether the host knows by itself when to wait.
  var hasWindow: Bool { window.withLock { $0 != nil } }

  /// The host is asked to wait.
  /// - Returns: Whether it had not been asked before.
  func pause() -> Bool { isPaused.exchange(true, ordering: .relaxed) == false }

  /// The host may go on.
  /// - Returns: Whether it had been asked to wait.
  func resume() -> Bool { isPaused.exchange(false, ordering: .relaxed) }

  /// How many bytes an event costs while it waits.
  static func bytes(of event: Event) -> Int {
    switch event {
    case .whole(let answer): answer.body.readableBytes
    case .piece(let piece): StreamWindow.cost(ofPiece: piece.readableBytes)
    case .head, .end, .failed: 0
    }
  }

  // MARK: The caller's side

  /// Bytes that were delivered are written, or dropped.
  func written(_ count: Int) {
    guard count > 0 else { return }
    budget.give(count, of: source)
    let left = waiting.subtract(count, ordering: .relaxed).newValue
    if left <= Self.resumeMark, isPaused.load(ordering: .relaxed) { tunnel.resume(number) }
    if let end = window.withLock({ $0?.take(count) }) ?? nil { tunnel.widen(number, to: end) }
  }

  /// The caller has gone.
  func cancel() { tunnel.cancel(number) }

  /// A stream is paused when so many bytes wait for its caller.
  static let pauseMark = 256 << 10
  /// And goes on when no more than so many do.
  static let resumeMark = 64 << 10
}

extension Exchange: Equatable {
  static func == (left: Exchange, right: Exchange) -> Bool { left === right }
}
