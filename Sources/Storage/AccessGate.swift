import Synchronization

/// Lets those in who read and write databases, and holds them back while a database is exchanged beneath them.
///
/// Who is inside is waited for; who comes later waits outside, and may be cancelled there. Whoever is inside to write may
/// enter again: it is not held back by those who wait for it.
public final class AccessGate: Sendable {
  /// What somebody is inside for.
  public enum Access: Hashable, Sendable, CaseIterable {
    case reading, writing
  }

  private struct Waiter {
    let access: Access
    let continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var inside: [Access: Int] = [:]
    var held: Set<Access> = []
    var waiting: [UInt64: Waiter] = [:]
    var nextID: UInt64 = 0

    mutating func enter(_ access: Access) -> Bool {
      guard !held.contains(access) else { return false }
      inside[access, default: 0] += 1
      return true
    }
  }

  /// That a task is inside. What it leaves running when it goes is inside no longer.
  private final class Stay: Sendable {
    let isOver = Mutex(false)
  }

  @TaskLocal private static var stay: Stay?

  private let state = Mutex(State())

  public init() {}

  /// Runs `body` inside, as soon as nobody holds its kind back.
  /// - Throws: `CancellationError` outside, or what `body` throws.
  public func pass<R>(
    _ access: Access, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
  ) async throws -> R {
    if let stay = Self.stay, !stay.isOver.withLock({ $0 }) { return try await body() }
    try await enter(access)
    defer { leave(access) }
    guard access == .writing else { return try await body() }
    let stay = Stay()
    defer { stay.isOver.withLock { $0 = true } }
    return try await Self.$stay.withValue(stay) { try await body() }
  }

  private func enter(_ access: Access) async throws {
    if state.withLock({ $0.enter(access) }) { return }
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let result: Result<Void, any Error>? = state.withLock { state in
          if Task.isCancelled { return .failure(CancellationError()) }
          if state.enter(access) { return .success(()) }
          state.waiting[id] = Waiter(access: access, continuation: continuation)
          return nil
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiting.removeValue(forKey: id) }
      waiter?.continuation.resume(throwing: CancellationError())
    }
  }

  private func leave(_ access: Access) {
    state.withLock { $0.inside[access, default: 0] -= 1 }
  }

  /// Lets nobody of a kind in any more, and waits until those who are inside have left.
  /// - Throws: ``StorageError/inUse`` where somebody is still inside after `patience`, or `CancellationError`. Everybody
  ///   is let in again then.
  public func hold(_ access: Access, patience: Duration) async throws {
    state.withLock { _ = $0.held.insert(access) }
    let deadline = ContinuousClock.now + patience
    do {
      while state.withLock({ $0.inside[access, default: 0] }) > 0 {
        guard ContinuousClock.now < deadline else { throw StorageError.inUse }
        try await Task.sleep(for: .milliseconds(5))
      }
    } catch {
      release()
      throw error
    }
  }

  /// Lets everybody in.
  public func release() {
    let waiters = state.withLock { state in
      state.held = []
      let waiters = state.waiting.values
      state.waiting = [:]
      for waiter in waiters { state.inside[waiter.access, default: 0] += 1 }
      return waiters
    }
    for waiter in waiters { waiter.continuation.resume() }
  }

  /// How many wait outside.
  package var waitingCount: Int { state.withLock { $0.waiting.count } }
}
