/// How long to wait before a link that broke is opened again: 1, 2, 4 … 60 seconds. A minute of good life makes good.
struct RetryDelay {
  private var failures = 0

  /// - Parameter life: how long the link was good.
  mutating func next(after life: Duration) -> Duration {
    if life >= .seconds(60) { failures = 0 }
    defer { failures += 1 }
    return .seconds(min(60, 1 << min(failures, 6)))
  }
}
