import Synchronization

/// Lets one network try something so many times a minute. Every attempt counts, a refused one as well: who keeps
/// on trying stays out.
///
/// What it remembers is bounded. When it is full it forgets the network that has tried least, so that a network
/// that is being held back is not let off because others come along. The networks that relays report are counted by
/// themselves, and all of them together as well: a relay can report any number of them.
final class AttemptLimiter: Sendable {
  /// How many times as much as one network all that comes through relays may try, together.
  static let relayedFactor = 12

  private struct Attempts {
    /// The latest attempts, the oldest first; never more than the limit.
    var times: [ContinuousClock.Instant] = []
  }

  private struct State {
    var attempts: [SourceAddress: Attempts] = [:]
    /// Attempts through relays that their networks had left.
    var relayed: [ContinuousClock.Instant] = []
  }

  private let limit: Int?
  private let window: Duration
  private let capacity: Int
  private let now: @Sendable () -> ContinuousClock.Instant
  private let state = Mutex(State())

  /// - Parameters:
  ///   - limit: attempts within `window`; nil for any number.
  ///   - capacity: how many networks to remember.
  init(
    limit: Int?, window: Duration = .seconds(60), capacity: Int = 4096,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    self.limit = limit
    self.window = window
    self.capacity = capacity
    self.now = now
  }

  /// Counts an attempt and says whether it may go on.
  func allows(_ source: SourceAddress) -> Bool {
    guard let limit else { return true }
    let (network, now) = (source.network, now())
    return state.withLock { state in
      if network.isReported, !hasRoomForRelayed(in: &state, limit, now) { return false }
      var own = state.attempts[network] ?? Attempts()
      own.times.removeAll { $0 <= now - window }
      let isAllowed = own.times.count < limit
      if !isAllowed { own.times.removeFirst(own.times.count - limit + 1) }
      own.times.append(now)
      if state.attempts[network] == nil && state.attempts.count >= capacity {
        Self.makeRoom(in: &state.attempts, since: now - window)
      }
      state.attempts[network] = own
      if isAllowed && network.isReported { state.relayed.append(now) }
      return isAllowed
    }
  }

  /// How many networks are remembered.
  var count: Int { state.withLock { $0.attempts.count } }

  private func hasRoomForRelayed(
    in state: inout State, _ limit: Int, _ now: ContinuousClock.Instant
  ) -> Bool {
    state.relayed.removeAll { $0 <= now - window }
    return state.relayed.count < limit * Self.relayedFactor
  }

  private static func makeRoom(
    in attempts: inout [SourceAddress: Attempts], since: ContinuousClock.Instant
  ) {
    let before = attempts.count
    attempts = attempts.filter { $0.value.times.last.map { $0 > since } ?? false }
    guard attempts.count == before else { return }
    let least = attempts.min { left, right in
      let (a, b) = (left.value.times, right.value.times)
      return a.count != b.count ? a.count < b.count : a[a.count - 1] < b[b.count - 1]
    }
    if let least { attempts[least.key] = nil }
  }
}
