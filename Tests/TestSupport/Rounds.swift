import Foundation

/// How often a test of chance is run: a few times by default, and at least 200 times in the long mode of `scripts/test`.
public enum Rounds {
  /// Whether this is the long mode: `OSAURUS_LONG_TESTS=1`.
  public static let isLong = ProcessInfo.processInfo.environment["OSAURUS_LONG_TESTS"] == "1"

  /// The seeds to run a test with, one a round. `OSAURUS_TEST_SEED` names the one that is to be run again, and
  /// `OSAURUS_TEST_ROUNDS` says how many there are in the long mode, in place of what each test would have.
  public static func seeds(few: Int = 4, many: Int = 200) -> [UInt64] {
    let environment = ProcessInfo.processInfo.environment
    if let seed = environment["OSAURUS_TEST_SEED"].flatMap({ UInt64($0) }) { return [seed] }
    let asked = environment["OSAURUS_TEST_ROUNDS"].flatMap { UInt64($0) } ?? UInt64(many)
    return (1...(isLong ? max(1, asked) : UInt64(few))).map(\.self)
  }
}

/// The same numbers for the same seed (SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
