import NIOCore
import Synchronization

/// Lets one network do something so many times a minute.
///
/// What it remembers is bounded. When it is full it forgets the network that has done least lately, so that one that is being held
/// back is not let off because others come along.
final class SourceLimiter: Sendable {
  private let perMinute: Int
  private let capacity: Int
  private let buckets = Mutex<[NetworkAddress: TokenBucket]>([:])

  init(perMinute: Int, capacity: Int = 4096) {
    self.perMinute = perMinute
    self.capacity = capacity
  }

  /// Counts an attempt that may go on; false where it may not.
  func allows(_ source: NetworkAddress, now: NIODeadline = .now()) -> Bool {
    let network = source.network
    return buckets.withLock { buckets in
      if buckets[network] == nil, buckets.count >= capacity { Self.makeRoom(in: &buckets, now: now) }
      return buckets[network, default: TokenBucket(perMinute: perMinute, now: now)].take(now: now)
    }
  }

  /// How many networks are remembered.
  var count: Int { buckets.withLock { $0.count } }

  private static func makeRoom(in buckets: inout [NetworkAddress: TokenBucket], now: NIODeadline) {
    let before = buckets.count
    buckets = buckets.filter { $0.value.level(now: now) < 1 }
    guard buckets.count == before else { return }
    if let least = buckets.max(by: { $0.value.level(now: now) < $1.value.level(now: now) }) {
      buckets[least.key] = nil
    }
  }
}
