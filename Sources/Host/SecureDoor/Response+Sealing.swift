import HTTPTypes
import Hummingbird
import NIOCore
import SecureChannel

extension Response {
  /// The most bytes of an answer that is sealed in one piece.
  private static let wholeLimit = 64 << 20

  /// Whether this is a stream of server-sent events.
  var isEventStream: Bool { hasContentType("text/event-stream") }

  /// Whether this is a stream of JSON lines.
  var isLineStream: Bool { hasContentType("application/x-ndjson") && body.contentLength == nil }

  /// This answer with every piece of its body sealed as it comes, and its end sealed when it came well.
  ///
  /// A body that fails gets no sealed end: the connection is cut, and the client sees that something is missing.
  /// Status and headers go out as they are; nothing about them is authenticated.
  func sealedAsEvents(by sealer: ResponseSealer) -> Response {
    let body = body
    var sealed = Response(
      status: status, headers: headers,
      body: ResponseBody { writer in try await body.write(SealingWriter(writer, sealer)) })
    sealed.headers[.contentLength] = nil
    if !isEventStream { sealed.headers[.contentType] = "text/event-stream" }
    sealed.headers[.secureChannel] = "1"
    return sealed
  }

  /// This answer, its status and its type as one sealed frame. The outer status is 200 whatever the inner one is.
  /// - Parameter padding: the version of the padding that this host offers; nil to one who did not ask.
  func sealedWhole(by sealer: ResponseSealer, offering padding: Int?) async throws -> Response {
    let collected = BodyCollector(limit: Self.wholeLimit)
    try await body.write(collected)
    let inner = InnerResponse(
      status: status.code, contentType: headers[.contentType],
      body: collected.parts.isEmpty ? nil : Array(collected.whole.readableBytesView), padding: padding)
    let frame = try inner.encoded().withUnsafeBytes { text throws(SecureChannelError) in
      try sealer.seal(text, isLast: true)
    }
    var response = Response.json(bytes: ByteBuffer(bytes: frame))
    response.headers[.secureChannel] = "1"
    return response
  }

  private func hasContentType(_ type: String) -> Bool {
    headers[.contentType]?.lowercased().hasPrefix(type) ?? false
  }
}

/// Seals each piece of a body as one server-sent event.
private struct SealingWriter: ResponseBodyWriter {
  private var outer: any ResponseBodyWriter
  private let sealer: ResponseSealer

  init(_ outer: any ResponseBodyWriter, _ sealer: ResponseSealer) {
    self.outer = outer
    self.sealer = sealer
  }

  mutating func write(_ buffer: ByteBuffer) async throws {
    guard buffer.readableBytes > 0 else { return }
    try await outer.write(try seal(buffer, isLast: false))
  }

  mutating func write(contentsOf buffers: some Sequence<ByteBuffer>) async throws {
    var sealed: [ByteBuffer] = []
    for buffer in buffers where buffer.readableBytes > 0 { sealed.append(try seal(buffer, isLast: false)) }
    try await outer.write(contentsOf: sealed)
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
    try await outer.write(try seal(ByteBuffer(), isLast: true))
    try await outer.finish(nil)
  }

  private func seal(_ buffer: ByteBuffer, isLast: Bool) throws -> ByteBuffer {
    ByteBuffer(
      bytes: try buffer.withUnsafeReadableBytes { text throws(SecureChannelError) in
        try sealer.sealEvent(text, isLast: isLast)
      })
  }
}

extension HTTPField.Name {
  /// Says that an answer is sealed; for people who look at traffic.
  static let secureChannel = HTTPField.Name("X-Osaurus-Secure-Channel")!
}
