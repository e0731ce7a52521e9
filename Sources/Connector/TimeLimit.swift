/// Work that must end in time.
enum TimeLimit {
  /// It did not.
  struct Exceeded: Error {}

  /// Runs `body`, and cancels it when it takes longer than `limit`.
  /// - Throws: ``Exceeded``, or what `body` throws.
  static func run<R: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> R
  ) async throws -> R {
    try await withThrowingTaskGroup(of: R.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: limit)
        throw Exceeded()
      }
      defer { group.cancelAll() }
      guard let result = try await group.next() else { throw CancellationError() }
      return result
    }
  }
}
