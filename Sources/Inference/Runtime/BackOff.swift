/// How long to wait before something that keeps failing is tried again: at once the first time, then 1, 2, 4 … 60
/// seconds. A minute of good life makes good.
struct BackOff: Sendable {
  private var failures = 0
  private var until: ContinuousClock.Instant?

  /// The whole seconds until the next try; `nil` when it may be tried.
  func wait(at now: ContinuousClock.Instant) -> Int64? {
    guard let until, until > now else { return nil }
    return now.duration(to: until).components.seconds + 1
  }

  /// It ended by itself after living for `life`.
  mutating func hasEnded(at now: ContinuousClock.Instant, after life: Duration) {
    if life > .seconds(60) { failures = 0 }
    hasFailed(at: now)
  }

  /// It did not start, or ended.
  mutating func hasFailed(at now: ContinuousClock.Instant) {
    failures += 1
    until = failures < 2 ? nil : now + .seconds(min(60, 1 << min(failures - 2, 6)))
  }
}
