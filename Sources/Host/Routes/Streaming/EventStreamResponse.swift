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
    Response(
      status: .ok, headers: Self.headers,
      body: StreamOutbox.body(saying: Self.ping, every: pingInterval, produce))
  }

  private static let ping = ByteBuffer(staticString: ": ping\n\n")

  private static let headers: HTTPFields = [
    .contentType: "text/event-stream",
    .cacheControl: "no-cache, no-transform",
    .connection: "keep-alive",
    HTTPField.Name("X-Accel-Buffering")!: "no",
  ]
}
