/// Which sequence numbers of a session were seen: the highest one, and the 63 before it. (spec/01, B5)
struct ReplayWindow: Sendable {
  /// How many numbers back a late call may be.
  static let size: UInt64 = 64

  private var highest: UInt64 = 0
  /// Bit i stands for `highest − i`.
  private var seen: UInt64 = 0

  /// Takes a number once: false for 0, for a number that was taken before, and for one older than the window.
  mutating func take(_ sequence: UInt64) -> Bool {
    guard sequence > 0 else { return false }
    if sequence > highest {
      let distance = sequence - highest
      seen = distance >= Self.size ? 1 : seen << distance | 1
      highest = sequence
      return true
    }
    let age = highest - sequence
    guard age < Self.size, seen & (1 << age) == 0 else { return false }
    seen |= 1 << age
    return true
  }
}
