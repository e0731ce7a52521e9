import Synchronization

/// A stream of elements made by a task of its own. Cancelling the consuming task, leaving the loop or dropping
/// the stream cancels that task. It can be consumed once.
public struct ElementStream<Element: Sendable>: AsyncSequence, Sendable {
  /// Where the making task puts elements.
  public struct Sink: Sendable {
    fileprivate let handoff: Handoff<Element>

    /// Hands over one element, waiting while the consumer is behind.
    ///
    /// - Throws: `CancellationError` when the consumer has gone.
    public func send(_ element: Element) async throws { try await handoff.send(element) }

    /// Ends the stream before the making task ends.
    func finish() { handoff.finish() }
  }

  private let handoff: Handoff<Element>
  private let lease: StreamLease

  /// Starts `make` in a task of its own. When it returns the stream ends; when it throws the stream throws.
  ///
  /// - Parameter capacity: how many elements may wait for the consumer.
  public init(capacity: Int = 32, _ make: @escaping @Sendable (Sink) async throws -> Void) {
    let handoff = Handoff<Element>(capacity: capacity)
    let task = Task {
      do {
        try await make(Sink(handoff: handoff))
        handoff.finish()
      } catch {
        handoff.finish(throwing: error)
      }
    }
    handoff.onAbandon { task.cancel() }
    self.handoff = handoff
    self.lease = StreamLease { handoff.abandon() }
  }

  /// A stream of what is there already.
  public init(_ elements: [Element]) {
    self.init { sink in
      for element in elements { try await sink.send(element) }
    }
  }

  public func makeAsyncIterator() -> Iterator {
    lease.pass()
    return Iterator(handoff: handoff, lease: StreamLease { [handoff] in handoff.abandon() })
  }

  public struct Iterator: AsyncIteratorProtocol {
    let handoff: Handoff<Element>
    let lease: StreamLease

    public mutating func next() async throws -> Element? { try await handoff.next() }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Element? {
      try await handoff.next()
    }
  }
}

/// The answer of a model as it comes. Cancelling the consuming task, leaving the loop or dropping the stream
/// closes the connection to the model server, which stops the generation.
public typealias ChatStream = ElementStream<ChatChunk>

extension ElementStream where Element == ChatChunk {
  /// Waits for the whole answer.
  public func collect() async throws -> ChatCompletion {
    var assembly = ChatAssembly()
    for try await chunk in self { assembly.add(chunk) }
    return assembly.completion
  }
}

/// Runs an action when the last reference to it goes, unless it was passed on.
final class StreamLease: Sendable {
  private let action: @Sendable () -> Void
  private let isPassed = Mutex(false)

  init(_ action: @escaping @Sendable () -> Void) { self.action = action }

  func pass() { isPassed.withLock { $0 = true } }

  deinit { if !isPassed.withLock({ $0 }) { action() } }
}
