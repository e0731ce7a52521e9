import Synchronization

/// How many requests are with a host right now, and whether more may come.
final class Answering: Sendable {
  private let running = Atomic(0)
  private let stopping = Atomic(false)

  func begin() { running.add(1, ordering: .relaxed) }
  func end() { running.subtract(1, ordering: .relaxed) }

  /// From now on nothing new is begun.
  func stop() { stopping.store(true, ordering: .releasing) }

  var count: Int { running.load(ordering: .relaxed) }
  var isStopping: Bool { stopping.load(ordering: .acquiring) }
}

/// Tells every connection to end now.
struct StopEvent: Sendable {}
