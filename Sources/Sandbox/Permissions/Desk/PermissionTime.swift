public import Foundation

/// What permissions go by: the time that passes, the time of day, and waiting. Tests bring their own.
public struct PermissionTime: Sendable {
  public var now: @Sendable () -> ContinuousClock.Instant = { .now }
  public var date: @Sendable () -> Date = { Date() }
  public var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

  public init() {}
}
