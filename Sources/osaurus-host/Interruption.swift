import UnixSignals

/// Long work that Ctrl-C ends: it is told, takes away what it has begun, and only then the process ends.
enum Interruption {
  /// Runs `work`, which asks from time to time whether its task was cancelled.
  /// - Throws: what `work` throws; a failure with the status of an interruption where it was interrupted.
  static func run<R: Sendable>(
    saying sentence: String, _ work: @escaping @Sendable () async throws -> R
  ) async throws -> R {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
    let task = Task.detached { try await work() }
    let watch = Task { for await _ in signals { task.cancel() } }
    defer { watch.cancel() }
    do {
      return try await task.value
    } catch  where error is CancellationError || task.isCancelled {
      throw CommandFailure(.interrupted, "interrupted", sentence)
    }
  }
}
