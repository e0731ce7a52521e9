import NIOCore

/// Lets something happen so many times a minute: as many at once, and then as they come back.
struct TokenBucket: Hashable, Sendable {
  private let limit: Double
  private var tokens: Double
  private var filled: NIODeadline

  init(perMinute limit: Int, now: NIODeadline) {
    self.limit = Double(limit)
    tokens = self.limit
    filled = now
  }

  /// Takes one, if there is one.
  mutating func take(now: NIODeadline) -> Bool {
    fill(now)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// Whether it holds so many.
  func holds(_ count: Double, now: NIODeadline) -> Bool {
    var copy = self
    copy.fill(now)
    return copy.tokens >= count
  }

  /// How full it is, from 0 to 1.
  func level(now: NIODeadline) -> Double {
    var copy = self
    copy.fill(now)
    return copy.tokens / limit
  }

  private mutating func fill(_ now: NIODeadline) {
    guard now > filled else { return }
    let minutes = Double((now - filled).nanoseconds) / 60e9
    tokens = min(limit, tokens + minutes * limit)
    filled = now
  }
}
