import Hummingbird
import NIOCore

extension StreamOutbox {
  /// A body of what `produce` writes, and of `sign` whenever that wrote nothing for as long as `interval`. When the client
  /// goes away, `produce` is cancelled.
  static func body(
    saying sign: ByteBuffer, every interval: Duration,
    _ produce: @escaping @Sendable (StreamOutbox) async -> Void
  ) -> ResponseBody {
    ResponseBody { writer in
      try await withThrowingTaskGroup(of: Void.self) { group in
        let outbox = StreamOutbox()
        group.addTask {
          await produce(outbox)
          outbox.finish()
        }
        group.addTask {
          while true {
            do { try await Task.sleep(for: interval) } catch { return }
            outbox.tick(sign)
          }
        }
        defer {
          outbox.finish()
          group.cancelAll()
        }
        while let bytes = await outbox.next() {
          try await writer.write(bytes)
        }
        try Task.checkCancellation()
        group.cancelAll()
      }
      try await writer.finish(nil)
    }
  }
}
