/// One thing measured against its alternative, both in the same run.
struct Measurement: Codable {
  enum Direction: String, Codable {
    case atLeast = "at least"
    case atMost = "at most"
  }

  let name: String
  /// What ours takes or gives, in `unit`.
  let ours: Double
  /// What the alternative takes or gives, in `unit`.
  let alternative: Double
  let alternativeName: String
  let unit: String
  /// Ours against the alternative, the way round that the floor is stated.
  let ratio: Double
  let direction: Direction?
  let floor: Double?

  var isMet: Bool? {
    guard let floor, let direction else { return nil }
    return direction == .atLeast ? ratio >= floor : ratio <= floor
  }
}

/// Times two ways of doing a thing in turns, so that whatever else the machine does falls on both.
enum SideBySide {
  /// Nanoseconds a call of each: the median over the rounds.
  static func time(
    rounds: Int = 15, calls: Int, ours: () throws -> Void, alternative: () throws -> Void
  ) rethrows -> (ours: Double, alternative: Double) {
    let clock = ContinuousClock()
    func batch(_ work: () throws -> Void) rethrows -> Double {
      let duration = try clock.measure { for _ in 0..<calls { try work() } }
      let (seconds, attoseconds) = duration.components
      return (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(calls)
    }
    _ = try batch(ours)
    _ = try batch(alternative)
    var times: (ours: [Double], alternative: [Double]) = ([], [])
    for _ in 0..<rounds {
      times.ours.append(try batch(ours))
      times.alternative.append(try batch(alternative))
    }
    return (median(times.ours), median(times.alternative))
  }

  static func median(_ values: [Double]) -> Double { percentile(50, of: values) }

  /// The value that this many of a hundred do not exceed.
  static func percentile(_ percent: Int, of values: [Double]) -> Double {
    values.sorted()[min(values.count - 1, values.count * percent / 100)]
  }
}

/// How long something took.
enum Stopwatch {
  /// Milliseconds.
  static func milliseconds(_ work: () async throws -> some Any) async rethrows -> Double {
    let start = ContinuousClock.now
    consume(try await work())
    return milliseconds(since: start)
  }

  /// Milliseconds.
  static func milliseconds(since start: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return Double(seconds) * 1e3 + Double(attoseconds) / 1e15
  }
}

/// Keeps the optimiser from dropping work whose result nobody reads.
@inline(never)
func consume<T>(_ value: T) {}
