import Synchronization

/// Watches over work that must show signs of life.
final class Silence: Sendable {
  /// Nothing was heard for too long.
  struct TooLong: Error {}

  private let deadline: Mutex<ContinuousClock.Instant>

  private init(limit: Duration) { deadline = Mutex(.now + limit) }

  /// Something was heard; the next thing is due within `limit`.
  func isBroken(next limit: Duration) { deadline.withLock { $0 = .now + limit } }

  /// Runs `body`, and cancels it when nothing was heard of it in time.
  ///
  /// - Throws: `TooLong`, or what `body` throws.
  static func limit<R: Sendable>(
    _ first: Duration, _ body: @escaping @Sendable (Silence) async throws -> R
  ) async throws -> R {
    let silence = Silence(limit: first)
    return try await withThrowingTaskGroup(of: R.self) { group in
      group.addTask { try await body(silence) }
      group.addTask {
        while true {
          let deadline = silence.deadline.withLock { $0 }
          if deadline <= .now { throw TooLong() }
          try await Task.sleep(until: deadline, clock: .continuous)
        }
      }
      defer { group.cancelAll() }
      guard let result = try await group.next() else { throw CancellationError() }
      return result
    }
  }
}
