import Synchronization

/// The nonces that were given out and not used yet: each for two minutes and for one pairing. (spec/02, C2)
///
/// No more than ``capacity`` are given out within their lifetime; where there would be more, the one that ends first
/// goes. That is room for all that a thousand networks may ask for in a minute, so that a crowd does not push out a
/// device's nonce before it is used.
public final class ChallengeStore: Sendable {
  public static let lifetime = Duration.seconds(120)
  public static let capacity = 8192

  private struct State {
    var ends: [PairingNonce: ContinuousClock.Instant] = [:]
    /// In the order in which they were given out, which is that in which they end; those before ``first`` are gone.
    var order: [PairingNonce] = []
    var first = 0

    /// Forgets the one that ends first.
    mutating func forgetFirst() {
      ends[order[first]] = nil
      first += 1
      if first == ChallengeStore.capacity {
        order.removeFirst(first)
        first = 0
      }
    }
  }

  private let state = Mutex(State())

  public init() {}

  /// Gives out a nonce.
  /// - Parameter now: the time; never earlier than it was before.
  public func issue(now: ContinuousClock.Instant) -> PairingNonce {
    let nonce = PairingNonce.make()
    state.withLock { state in
      while state.first < state.order.count {
        let end = state.ends[state.order[state.first]]
        guard state.order.count - state.first >= Self.capacity || end.map({ $0 <= now }) ?? true else {
          break
        }
        state.forgetFirst()
      }
      state.ends[nonce] = now + Self.lifetime
      state.order.append(nonce)
    }
    return nonce
  }

  /// Whether a nonce can still be used.
  public func holds(_ nonce: PairingNonce, now: ContinuousClock.Instant) -> Bool {
    state.withLock { $0.ends[nonce].map { now < $0 } ?? false }
  }

  /// Uses a nonce up. Of any number of callers with the same one, one is told that it was good.
  public func consume(_ nonce: PairingNonce, now: ContinuousClock.Instant) -> Bool {
    state.withLock { state in
      guard let end = state.ends.removeValue(forKey: nonce) else { return false }
      return now < end
    }
  }

  /// How many are kept in mind.
  public var count: Int { state.withLock { $0.ends.count } }
}
