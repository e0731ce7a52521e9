import Synchronization

/// The audit of a host that runs: takes what happens from many at a time and writes it down together.
///
/// Whoever starts something waits until its record is on disk; what comes of it may be noted without waiting. All who come
/// while something is being written share the next commit.
public final class AuditLog: Sendable {
  /// How long records may be without a signature while the host runs.
  public static let interval = Duration.seconds(600)
  /// The most that wait to be written.
  static let mostWaiting = 4096
  /// Records in one commit.
  private static let mostAtOnce = 256

  private struct Waiter {
    let event: AuditEvent
    /// Nil where nobody waits.
    let continuation: CheckedContinuation<Int64, any Error>?
  }

  private struct State {
    var waiting: [Waiter] = []
    var isWriting = false
    /// Who waits until nothing is left to be written.
    var settling: [CheckedContinuation<Void, Never>] = []
  }

  /// What is written to.
  public let store: AuditStore
  private let state = Mutex(State())
  private let failed: @Sendable (any Error) -> Void

  /// - Parameter failed: is told why something that nobody waited for was not written down.
  public init(_ store: AuditStore, failed: @escaping @Sendable (any Error) -> Void = { _ in }) {
    self.store = store
    self.failed = failed
  }

  /// Writes down what happens. What this returned for outlives the process.
  /// - Returns: the number of the record.
  /// - Throws: ``StoresError/auditFull``, ``StoresError/unavailable(reason:)``, or what the database says: what was to begin
  ///   does not, then.
  @discardableResult
  public func append(_ event: AuditEvent) async throws -> Int64 {
    try await withCheckedThrowingContinuation { continuation in
      add(Waiter(event: event, continuation: continuation))
    }
  }

  /// Writes down what happened, soon: ``settle()`` waits for it.
  public func note(_ event: AuditEvent) { add(Waiter(event: event, continuation: nil)) }

  /// Waits until everything is written down that was noted before.
  public func settle() async {
    await withCheckedContinuation { continuation in
      let isSettled = state.withLock { state in
        if state.isWriting { state.settling.append(continuation) }
        return !state.isWriting
      }
      if isSettled { continuation.resume() }
    }
  }

  /// Signs at intervals what is not signed, until the task is cancelled.
  public func keepSigning() async {
    while (try? await Task.sleep(for: Self.interval)) != nil { await sign() }
  }

  /// Waits for what is being written, and signs it.
  public func close() async {
    await settle()
    await sign()
  }

  private func sign() async {
    do {
      try await store.sign()
    } catch {
      failed(error)
    }
  }

  private func add(_ waiter: Waiter) {
    enum Turn { case begin, wait, refuse }
    let turn = state.withLock { state -> Turn in
      guard state.waiting.count < Self.mostWaiting else { return .refuse }
      state.waiting.append(waiter)
      defer { state.isWriting = true }
      return state.isWriting ? .wait : .begin
    }
    switch turn {
    case .wait: break
    case .begin: Task { await write() }
    case .refuse:
      tell(.failure(StoresError.unavailable(reason: "Too much is being written down at once.")), to: waiter)
    }
  }

  private func write() async {
    while let batch = nextBatch() {
      do {
        let numbers = try await store.append(batch.map(\.event))
        for (waiter, number) in zip(batch, numbers) { tell(.success(number), to: waiter) }
      } catch {
        for waiter in batch { tell(.failure(error), to: waiter) }
      }
    }
  }

  /// What is to be written next; nil where nothing is, so that who comes next begins anew.
  private func nextBatch() -> [Waiter]? {
    let (batch, settled) = state.withLock { state in
      let batch = Array(state.waiting.prefix(Self.mostAtOnce))
      state.waiting.removeFirst(batch.count)
      guard batch.isEmpty else { return (batch, [CheckedContinuation<Void, Never>]()) }
      state.isWriting = false
      defer { state.settling = [] }
      return (batch, state.settling)
    }
    for continuation in settled { continuation.resume() }
    return batch.isEmpty ? nil : batch
  }

  private func tell(_ result: Result<Int64, any Error>, to waiter: Waiter) {
    if let continuation = waiter.continuation {
      continuation.resume(with: result)
    } else if case .failure(let error) = result {
      failed(error)
    }
  }
}
