import Synchronization

/// Counts what is open at a time, in all and by network.
final class SourceCount: Sendable {
  enum Verdict: Hashable, Sendable {
    case admitted
    /// This network has too many.
    case fullForSource
    /// There are too many in all.
    case full
  }

  private struct State {
    var total = 0
    var bySource: [NetworkAddress: Int] = [:]
  }

  private let limit: Int
  private let limitPerSource: Int
  private let state = Mutex(State())

  init(limit: Int, perSource: Int) {
    self.limit = limit
    limitPerSource = perSource
  }

  /// Counts one more.
  /// - Parameter source: nil where only all together are limited.
  func admit(_ source: NetworkAddress?) -> Verdict {
    state.withLock { state in
      guard state.total < limit else { return .full }
      if let network = source?.network {
        guard state.bySource[network, default: 0] < limitPerSource else { return .fullForSource }
        state.bySource[network, default: 0] += 1
      }
      state.total += 1
      return .admitted
    }
  }

  /// One that was admitted has gone.
  func leave(_ source: NetworkAddress?) {
    state.withLock { state in
      state.total -= 1
      guard let network = source?.network else { return }
      let left = state.bySource[network, default: 0] - 1
      state.bySource[network] = left > 0 ? left : nil
    }
  }

  var total: Int { state.withLock { $0.total } }
  /// How many networks have something open.
  var sources: Int { state.withLock { $0.bySource.count } }
}
