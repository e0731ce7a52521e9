import Synchronization

/// A bounded passage from one producing task to one consuming task. The producer waits while it is full; the
/// consumer waits while it is empty. When the consumer goes away, the producer is told at its next step, and
/// `onAbandon` runs at once.
package final class Handoff<Element: Sendable>: Sendable {
  private struct State {
    var elements: [Element] = []
    var consumer: CheckedContinuation<Element?, any Error>?
    var producer: CheckedContinuation<Void, any Error>?
    var end: Result<Void, any Error>?
    var isAbandoned = false
    var onAbandon: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())
  private let capacity: Int

  package init(capacity: Int) { self.capacity = capacity }

  /// Runs `action` when the consumer goes away before the end; at once if it already has.
  package func onAbandon(_ action: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      if state.isAbandoned { return true }
      if state.end == nil { state.onAbandon = action }
      return false
    }
    if isLate { action() }
  }

  /// Hands over one element, waiting for room.
  ///
  /// - Throws: `CancellationError` when the consumer has gone or this task is cancelled.
  package func send(_ element: Element) async throws {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        // Resume outside of the lock: what a continuation wakes may come right back.
        let resume: () -> Void = state.withLock { state in
          if state.isAbandoned || Task.isCancelled {
            return { continuation.resume(throwing: CancellationError()) }
          }
          if let consumer = state.consumer {
            state.consumer = nil
            return {
              consumer.resume(returning: element)
              continuation.resume()
            }
          }
          state.elements.append(element)
          if state.elements.count < capacity { return { continuation.resume() } }
          state.producer = continuation
          return {}
        }
        resume()
      }
    } onCancel: {
      let producer = state.withLock { state in
        defer { state.producer = nil }
        return state.producer
      }
      producer?.resume(throwing: CancellationError())
    }
  }

  /// Ends the passage. What was handed over before still arrives. Only the first end counts.
  package func finish(throwing error: (any Error)? = nil) {
    let result: Result<Void, any Error> = error.map { .failure($0) } ?? .success(())
    let consumer = state.withLock { state -> CheckedContinuation<Element?, any Error>? in
      guard state.end == nil else { return nil }
      state.end = result
      state.onAbandon = nil
      defer { state.consumer = nil }
      return state.consumer
    }
    switch result {
    case .success: consumer?.resume(returning: nil)
    case .failure(let error): consumer?.resume(throwing: error)
    }
  }

  /// The next element; `nil` after a clean end.
  ///
  /// - Throws: the producer's error, or `CancellationError` when this task is cancelled, upon which the passage
  ///   is abandoned.
  package func next() async throws -> Element? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Element?, any Error>) in
        let resume: () -> Void = state.withLock { state in
          if !state.elements.isEmpty, !state.isAbandoned {
            let element = state.elements.removeFirst()
            let producer = state.producer
            state.producer = nil
            return {
              continuation.resume(returning: element)
              producer?.resume()
            }
          }
          if state.isAbandoned { return { continuation.resume(throwing: CancellationError()) } }
          if let end = state.end {
            return { continuation.resume(with: end.map { nil }) }
          }
          precondition(state.consumer == nil, "a stream has one consumer")
          state.consumer = continuation
          return {}
        }
        resume()
      }
    } onCancel: {
      abandon()
    }
  }

  /// The consumer goes away.
  package func abandon() {
    let resume: () -> Void = state.withLock { state in
      guard !state.isAbandoned else { return {} }
      state.isAbandoned = true
      state.elements = []
      let (consumer, producer, action) = (state.consumer, state.producer, state.onAbandon)
      (state.consumer, state.producer, state.onAbandon) = (nil, nil, nil)
      return {
        consumer?.resume(throwing: CancellationError())
        producer?.resume(throwing: CancellationError())
        action?()
      }
    }
    resume()
  }
}
