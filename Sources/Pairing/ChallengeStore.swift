import Synchronization

/// The nonces that were given out and not used yet: each for two minutes and for one pairing. (spec/02, C2)
///
/// There are never more than ``capacity``; where there would be, the one that ends first goes.
public final class ChallengeStore: Sendable {
  public static let lifetime = Duration.seconds(120)
  public static let capacity = 256

  private let ends = Mutex<[PairingNonce: ContinuousClock.Instant]>([:])

  public init() {}

  /// Gives out a nonce.
  public func issue(now: ContinuousClock.Instant) -> PairingNonce {
    let nonce = PairingNonce.make()
    ends.withLock { ends in
      Self.forgetEnded(&ends, now)
      if ends.count >= Self.capacity, let first = ends.min(by: { $0.value < $1.value }) {
        ends[first.key] = nil
      }
      ends[nonce] = now + Self.lifetime
    }
    return nonce
  }

  /// Whether a nonce can still be used.
  public func holds(_ nonce: PairingNonce, now: ContinuousClock.Instant) -> Bool {
    ends.withLock { $0[nonce].map { now < $0 } ?? false }
  }

  /// Uses a nonce up. Of any number of callers with the same one, one is told that it was good.
  public func consume(_ nonce: PairingNonce, now: ContinuousClock.Instant) -> Bool {
    ends.withLock { ends in
      guard let end = ends.removeValue(forKey: nonce) else { return false }
      return now < end
    }
  }

  /// How many are kept in mind.
  public var count: Int { ends.withLock { $0.count } }

  private static func forgetEnded(
    _ ends: inout [PairingNonce: ContinuousClock.Instant], _ now: ContinuousClock.Instant
  ) {
    for (nonce, end) in ends where end <= now { ends[nonce] = nil }
  }
}
