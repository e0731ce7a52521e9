import HTTPTypes
import Hummingbird
import NIOCore

/// Answers with lines of JSON that a task makes while another one owns the connection. (spec/02, C16)
struct LineStreamResponse: Sendable {
  /// How long a stream may be quiet before it says something that means nothing.
  var quietInterval: Duration = .seconds(15)

  /// A response whose body is what `produce` writes, and `quietLine` while it writes nothing: lines of JSON have no
  /// comments. When the client goes away, `produce` is cancelled.
  func make(
    saying quietLine: ByteBuffer, _ produce: @escaping @Sendable (StreamOutbox) async -> Void
  ) -> Response {
    Response(
      status: .ok, headers: Self.headers,
      body: StreamOutbox.body(saying: quietLine, every: quietInterval, produce))
  }

  /// A response of lines that are there already.
  func make(of lines: ByteBuffer) -> Response {
    Response(status: .ok, headers: Self.headers, body: ResponseBody(byteBuffer: lines))
  }

  private static let headers: HTTPFields = [
    .contentType: "application/x-ndjson",
    .cacheControl: "no-cache, no-transform",
    HTTPField.Name("X-Accel-Buffering")!: "no",
  ]
}
