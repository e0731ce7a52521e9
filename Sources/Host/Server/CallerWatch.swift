import Synchronization

/// Stops the work on an answer when the caller has gone, or may have no more of it.
final class CallerWatch: Sendable {
  /// That of the connection for which this task works, if any.
  @TaskLocal static var current: CallerWatch?

  private struct State {
    var hasLeft = false
    var cancel: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// The connection is closed, or its other end will send no more.
  func callerLeft() {
    let cancel = state.withLock { state in
      state.hasLeft = true
      return state.cancel
    }
    cancel?()
  }

  /// Runs `work` and cancels it if the caller leaves, or if the task that waits for it is cancelled.
  func whileCallerWaits<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    let task = Task { try await Self.$current.withValue(self) { try await work() } }
    let hasLeft = state.withLock { state in
      state.cancel = { task.cancel() }
      return state.hasLeft
    }
    if hasLeft { task.cancel() }
    defer { state.withLock { $0.cancel = nil } }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }
}
