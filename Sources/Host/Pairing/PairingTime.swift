import Foundation

/// What pairing goes by: the time that passes, the time of day, and waiting. Tests bring their own.
struct PairingTime: Sendable {
  var now: @Sendable () -> ContinuousClock.Instant = { .now }
  var date: @Sendable () -> Date = { Date() }
  var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
}
