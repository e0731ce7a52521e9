import NIOCore

/// How long a body may take: it may pause, and it may be behind a slow rate for as long as it may pause. So a byte now
/// and then does not keep a connection, and a long body over a slow line comes through.
struct BodyAllowance: Hashable, Sendable {
  private let pause: TimeAmount
  private let rate: Int
  private var began: NIODeadline?
  private var received = 0

  /// - Parameters:
  ///   - pause: how long it may pause, and how far it may be behind.
  ///   - rate: bytes a second.
  init(pause: TimeAmount, rate: Int) {
    self.pause = pause
    self.rate = rate
  }

  /// Counts bytes that came.
  mutating func add(_ bytes: Int) { received += bytes }

  /// When the body is given up if nothing more comes. The first call starts the clock.
  mutating func deadline(after now: NIODeadline) -> NIODeadline {
    let began = began ?? now
    self.began = began
    let earned = TimeAmount.nanoseconds(Int64(Double(received) / Double(rate) * 1e9))
    return min(now + pause, began + pause + earned)
  }
}
