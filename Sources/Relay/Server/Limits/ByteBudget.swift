import Synchronization

/// How many bytes of bodies and messages a relay holds in all.
final class ByteBudget: Sendable {
  private let limit: Int
  private let held = Atomic(0)

  init(limit: Int) { self.limit = limit }

  /// Takes so many, if they are there.
  func take(_ count: Int) -> Bool {
    guard count > 0 else { return true }
    let new = held.add(count, ordering: .relaxed).newValue
    guard new > limit else { return true }
    held.subtract(count, ordering: .relaxed)
    return false
  }

  /// Gives back what was taken.
  func give(_ count: Int) {
    if count > 0 { held.subtract(count, ordering: .relaxed) }
  }

  var used: Int { held.load(ordering: .relaxed) }
}

/// What one body or message has of a budget. It is given back with the share.
final class BudgetShare {
  private let budget: ByteBudget
  private(set) var bytes = 0

  init(of budget: ByteBudget) { self.budget = budget }

  deinit { budget.give(bytes) }

  /// Makes it so many more; false where there are not so many.
  func add(_ count: Int) -> Bool {
    guard budget.take(count) else { return false }
    bytes += count
    return true
  }

  func giveBack() {
    budget.give(bytes)
    bytes = 0
  }
}
