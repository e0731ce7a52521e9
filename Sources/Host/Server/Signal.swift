import Synchronization

/// A value that is set once and that any number of tasks wait for.
final class Signal<Value: Sendable>: Sendable {
  private struct State {
    var result: Result<Value, any Error>?
    var waiters: [CheckedContinuation<Value, any Error>] = []
  }

  private let state = Mutex(State())

  /// Sets the value, or the reason why there will be none. Only the first call counts.
  func fulfil(_ result: Result<Value, any Error>) {
    let waiters: [CheckedContinuation<Value, any Error>] = state.withLock { state in
      guard state.result == nil else { return [] }
      state.result = result
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(with: result) }
  }

  /// Waits for the value.
  func value() async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      let result = state.withLock { state in
        if state.result == nil { state.waiters.append(continuation) }
        return state.result
      }
      if let result { continuation.resume(with: result) }
    }
  }
}
