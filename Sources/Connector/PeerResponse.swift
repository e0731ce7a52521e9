import NIOCore
import NIOHTTP1

/// What came back for a request below the channel: its head, and its body as it comes. When it goes, so does the
/// connection, unless the body was read to its end.
final class PeerResponse: Sendable {
  let status: Int
  /// Whether the body is server-sent events.
  let isEventStream: Bool
  private let exchange: Exchange

  init(_ head: HTTPResponseHead, of exchange: Exchange) {
    status = Int(head.status.code)
    isEventStream =
      head.headers.first(name: "content-type")?.lowercased().hasPrefix("text/event-stream") ?? false
    self.exchange = exchange
  }

  deinit { exchange.close() }

  /// Ends the exchange: nobody wants the rest.
  func cancel() { exchange.close() }

  /// The next piece of the body; nil at its end. One caller at a time.
  /// - Throws: ``TimeLimit/Exceeded`` when there is none for so long, or what the connection throws.
  func next(within silence: Duration) async throws -> ByteBuffer? {
    try await exchange.next(within: silence)
  }

  /// What is left of the body, of which no piece may take longer than `silence`.
  /// - Throws: `NIOTooManyBytesError` beyond `limit`, ``TimeLimit/Exceeded``, or what the connection throws.
  func collect(upTo limit: Int, silence: Duration) async throws -> [UInt8] {
    var collected = ByteBuffer()
    while let piece = try await next(within: silence) {
      guard collected.readableBytes + piece.readableBytes <= limit else {
        throw NIOTooManyBytesError(maxBytes: limit)
      }
      collected.writeImmutableBuffer(piece)
    }
    return Array(buffer: collected)
  }
}
