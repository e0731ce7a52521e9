import NIOCore

extension Channel {
  /// Runs `work`, and cancels it when this connection ends or the task that waits for it is cancelled.
  func whileOpen<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value
  {
    let task = Task(operation: work)
    closeFuture.whenComplete { _ in task.cancel() }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }
}
