import Dispatch
import Foundation
import Synchronization

/// Numbers from 1 on, in runs, for as many threads as there are processors. The first error of one ends them all.
final class Runs: Sendable {
  private struct State {
    var next = 1
    var error: (any Error)?
  }

  private let count: Int
  private let atOnce: Int
  private let state = Mutex(State())

  init(of count: Int, atOnce: Int) { (self.count, self.atOnce) = (count, atOnce) }

  /// Runs `worker` on every thread, and waits for all of them.
  /// - Throws: the first error of a worker.
  func work(_ worker: @Sendable (Runs) throws -> Void) throws {
    let threads = max(1, min(ProcessInfo.processInfo.activeProcessorCount, (count + atOnce - 1) / atOnce))
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      do {
        try worker(self)
      } catch {
        state.withLock { $0.error = $0.error ?? error }
      }
    }
    if let error = state.withLock({ $0.error }) { throw error }
  }

  /// The next numbers that nobody has taken; nil where there are none, or somebody failed.
  /// - Parameter taking: what one thread at a time does with them first.
  func next(_ taking: (Range<Int>) throws -> Void) throws -> Range<Int>? {
    try state.withLock { state in
      guard state.error == nil, state.next <= count else { return nil }
      let run = state.next..<min(state.next + atOnce, count + 1)
      state.next = run.upperBound
      try taking(run)
      return run
    }
  }

  /// Runs `body` while no other thread does so or takes numbers.
  func alone(_ body: () throws -> Void) throws { try state.withLock { _ in try body() } }
}
