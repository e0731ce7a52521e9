import Synchronization

/// How many bytes of bodies and messages a relay holds: in all, and of one network, so that nobody takes the room of all others.
final class ByteBudget: Sendable {
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

  /// Takes so many, if they are there.
  func take(_ count: Int, for source: NetworkAddress) -> Bool {
    guard count > 0 else { return true }
    return state.withLock { state in
      let held = state.bySource[source.network, default: 0] + count
      guard state.total + count <= limit, held <= limitPerSource else { return false }
      state.total += count
      state.bySource[source.network] = held
      return true
    }
  }

  /// Gives back what was taken.
  func give(_ count: Int, of source: NetworkAddress) {
    guard count > 0 else { return }
    state.withLock { state in
      state.total -= count
      let left = state.bySource[source.network, default: 0] - count
      state.bySource[source.network] = left > 0 ? left : nil
    }
  }

  var used: Int { state.withLock { $0.total } }
}

/// What one body or message has of a budget. It is given back with the share.
final class BudgetShare {
  private let budget: ByteBudget
  /// Who sends it.
  private let source: NetworkAddress
  private(set) var bytes = 0

  init(of budget: ByteBudget, for source: NetworkAddress) {
    self.budget = budget
    self.source = source
  }

  deinit { budget.give(bytes, of: source) }

  /// Makes it so many more; false where there are not so many.
  func add(_ count: Int) -> Bool {
    guard budget.take(count, for: source) else { return false }
    bytes += count
    return true
  }

  /// Leaves what it has to somebody else, who gives it back.
  func handOver() -> Int {
    defer { bytes = 0 }
    return bytes
  }

  func giveBack() {
    budget.give(bytes, of: source)
    bytes = 0
  }
}
