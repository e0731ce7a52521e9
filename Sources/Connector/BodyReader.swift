import AsyncHTTPClient
import NIOCore

/// Reads the body of an answer piece by piece. When it goes, so does the connection, unless the body was read to its
/// end.
actor BodyReader {
  private var iterator: HTTPClientResponse.Body.AsyncIterator

  init(_ body: HTTPClientResponse.Body) { iterator = body.makeAsyncIterator() }

  /// The next piece; nil at the end. One caller at a time.
  func next() async throws -> ByteBuffer? {
    var iterator = iterator
    defer { self.iterator = iterator }
    return try await iterator.next(isolation: self)
  }

  /// What is left of the body, of which no piece may take longer than `silence`.
  /// - Throws: `NIOTooManyBytesError` beyond `limit`, ``TimeLimit/Exceeded``, or what the connection throws.
  func collect(upTo limit: Int, silence: Duration) async throws -> ByteBuffer {
    var collected = ByteBuffer()
    while let piece = try await TimeLimit.run(silence, { try await self.next() }) {
      guard collected.readableBytes + piece.readableBytes <= limit else {
        throw NIOTooManyBytesError(maxBytes: limit)
      }
      collected.writeImmutableBuffer(piece)
    }
    return collected
  }
}
