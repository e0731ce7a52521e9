import Testing

/// Waits until something is so, for 20 seconds at most.
func eventually(
  _ condition: @Sendable () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let end = ContinuousClock.now + .seconds(20)
  while ContinuousClock.now < end {
    if try await condition() { return }
    await Task.yield()
  }
  Issue.record("it did not come to be", sourceLocation: sourceLocation)
}
