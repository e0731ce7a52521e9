import Synchronization

/// What a connection may claim when there are too many. One that has proved nothing yet, and on which nothing is
/// being answered, gives way to a new one.
final class ConnectionStanding: Sendable {
  private struct State {
    var isProven = false
    var isAnswering = false
    var hasGivenWay = false
  }

  private let state = Mutex(State())

  /// A request on it proved who asks.
  /// - Returns: false where the connection has given way already.
  func prove() -> Bool {
    state.withLock { state in
      state.isProven = true
      return !state.hasGivenWay
    }
  }

  /// Runs `answer` while the connection does not give way; does nothing where it has already.
  /// - Returns: whether `answer` ran.
  func whileAnswering(_ answer: () async throws -> Void) async rethrows -> Bool {
    let mayAnswer = state.withLock { state in
      state.isAnswering = !state.hasGivenWay
      return state.isAnswering
    }
    guard mayAnswer else { return false }
    defer { state.withLock { $0.isAnswering = false } }
    try await answer()
    return true
  }

  /// Whether it would give way.
  var mayGiveWay: Bool { state.withLock { !$0.isProven && !$0.isAnswering && !$0.hasGivenWay } }

  /// Takes its place away; false where it keeps it.
  func giveWay() -> Bool {
    state.withLock { state in
      guard !state.isProven, !state.isAnswering, !state.hasGivenWay else { return false }
      state.hasGivenWay = true
      return true
    }
  }
}
