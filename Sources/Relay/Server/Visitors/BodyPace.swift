import NIOCore

/// How long a body may take: it may pause, and it may be behind a slow rate for as long as it may pause. So a byte now and
/// then does not keep a connection, and a long body over a slow line comes through.
struct BodyPace: Hashable, Sendable {
  private let pause: TimeAmount
  private let rate: Int
  private let began: NIODeadline
  private var received = 0

  init(_ limits: RelayLimits, now: NIODeadline) {
    pause = TimeAmount(limits.bodyTimeout)
    rate = limits.bodyRate
    began = now
  }

  mutating func add(_ bytes: Int) { received += bytes }

  /// When the body is given up if nothing more comes.
  func deadline(after now: NIODeadline) -> NIODeadline {
    let earned = TimeAmount.nanoseconds(Int64(Double(received) / Double(rate) * 1e9))
    return min(now + pause, began + pause + earned)
  }
}
