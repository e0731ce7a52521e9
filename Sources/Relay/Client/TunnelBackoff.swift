/// How long to wait before a tunnel is opened again: 1, 2, 4 … 60 seconds, and 30 seconds to 15 minutes where the relay
/// turned this host away. Half of each is left to chance, so that the hosts of a relay that was away do not all come back
/// at once. A tunnel that was good for half a minute makes good.
struct TunnelBackoff: Hashable, Sendable {
  static let goodLife = Duration.seconds(30)

  private var failures = 0
  private var refusals = 0

  /// After a tunnel that broke, or could not be opened.
  /// - Parameter chance: 0 to 1.
  mutating func afterFailure(chance: Double) -> Duration {
    defer { failures = min(failures + 1, 6) }
    return Self.jittered(.seconds(min(60, 1 << failures)), chance)
  }

  /// After the relay turned this host away.
  mutating func afterRefusal(chance: Double) -> Duration {
    defer { refusals = min(refusals + 1, 5) }
    return Self.jittered(.seconds(min(900, 30 << refusals)), chance)
  }

  mutating func reset() { self = TunnelBackoff() }

  private static func jittered(_ delay: Duration, _ chance: Double) -> Duration {
    delay * (0.5 + 0.5 * min(max(chance, 0), 1))
  }
}
