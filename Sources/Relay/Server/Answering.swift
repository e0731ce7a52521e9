import Synchronization

/// How many requests are with a host right now, or have an answer that its caller was not sent to the end, and whether more may
/// come.
final class Answering: Sendable {
  private let running = Atomic(0)
  private let stopping = Atomic(false)

  /// One request that is with a host, or whose answer is not all sent; until this goes.
  final class Turn {
    private let answering: Answering

    fileprivate init(_ answering: Answering) {
      self.answering = answering
      answering.running.add(1, ordering: .relaxed)
    }

    deinit { answering.running.subtract(1, ordering: .relaxed) }
  }

  func begin() -> Turn { Turn(self) }

  /// From now on nothing new is begun.
  func stop() { stopping.store(true, ordering: .releasing) }

  var count: Int { running.load(ordering: .relaxed) }
  var isStopping: Bool { stopping.load(ordering: .acquiring) }
}

/// Tells every connection to end now.
struct StopEvent: Sendable {}
