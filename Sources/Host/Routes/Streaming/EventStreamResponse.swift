import HTTPTypes
import Hummingbird
import NIOCore

/// Answers with server-sent events that a task makes while another one owns the connection. (spec/02, C11)
struct EventStreamResponse: Sendable {
  /// How long a stream may be quiet before it says `: ping`.
  var pingInterval: Duration = .seconds(15)

  /// A response whose body is what `produce` writes, and `: ping` comments while it writes nothing. When the client
  /// goes away, `produce` is cancelled.
  func make(_ produce: @escaping @Sendable (StreamOutbox) async -> Void) -> Response {
    let interval = pingInterval
    let body = ResponseBody { writer in
      try await withThrowingTaskGroup(of: Void.self) { group in
        let outbox = StreamOutbox()
        group.addTask {
          await produce(outbox)
          outbox.finish()
        }
        group.addTask {
          while true {
            do { try await Task.sleep(for: interval) } catch { return }
            outbox.tick(": ping\n\n")
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
    return Response(status: .ok, headers: Self.headers, body: body)
  }

  private static let headers: HTTPFields = [
    .contentType: "text/event-stream",
    .cacheControl: "no-cache, no-transform",
    .connection: "keep-alive",
    HTTPField.Name("X-Accel-Buffering")!: "no",
  ]
}
