import Synchronization

/// Counts work that goes on after whoever asked for it has left, so that its end can be waited for.
final class UnfinishedWork: Sendable {
  private struct State {
    var count = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// Runs `work` as part of what ``settle()`` waits for.
  func during<Value: Sendable>(_ work: () async throws -> Value) async rethrows -> Value {
    state.withLock { $0.count += 1 }
    defer { hasEnded() }
    return try await work()
  }

  /// Waits until nothing is going on.
  func settle() async {
    await withCheckedContinuation { continuation in
      let isIdle = state.withLock { state in
        if state.count > 0 { state.waiting.append(continuation) }
        return state.count == 0
      }
      if isIdle { continuation.resume() }
    }
  }

  private func hasEnded() {
    let waiting = state.withLock { state in
      state.count -= 1
      guard state.count == 0 else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}
