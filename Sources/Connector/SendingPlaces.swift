import Synchronization

/// Lets so many calls of a session be under way at a time, from their sealing to the head of the answer.
///
/// Calls travel on many connections and arrive in any order. The peer's replay window forgives 64 places; with
/// fewer calls than that between sealing and answer, none falls out of it.
final class SendingPlaces: Sendable {
  private struct State {
    var free: Int
    var waiting: [(ticket: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    var lastTicket = 0
  }

  private let state: Mutex<State>

  init(_ count: Int) { state = Mutex(State(free: count)) }

  /// Runs `body` when there is a place for it, in the order of asking.
  /// - Throws: `CancellationError`, or what `body` throws.
  func use<R: Sendable>(_ body: @Sendable () async throws -> R) async throws -> R {
    try await enter()
    defer { leave() }
    return try await body()
  }

  private func enter() async throws {
    try Task.checkCancellation()
    let ticket: Int? = state.withLock { state in
      if state.free > 0 {
        state.free -= 1
        return nil
      }
      state.lastTicket += 1
      return state.lastTicket
    }
    guard let ticket else { return }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let result: Result<Void, any Error>? = state.withLock { state in
          if Task.isCancelled { return .failure(CancellationError()) }
          // One may have become free meanwhile; whoever waited before has had it by now.
          if state.free > 0 {
            state.free -= 1
            return .success(())
          }
          state.waiting.append((ticket, continuation))
          return nil
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      giveUp(ticket)
    }
  }

  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst().continuation }
      state.free += 1
      return nil
    }
    next?.resume()
  }

  private func giveUp(_ ticket: Int) {
    let one = state.withLock { state -> CheckedContinuation<Void, any Error>? in
      guard let index = state.waiting.firstIndex(where: { $0.ticket == ticket }) else { return nil }
      return state.waiting.remove(at: index).continuation
    }
    one?.resume(throwing: CancellationError())
  }
}
