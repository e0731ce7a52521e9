import HTTPTypes
import Hummingbird
import NIOCore

/// Takes a response's body into memory.
final class BodyCollector: ResponseBodyWriter {
  /// The body is longer than it may be.
  struct TooLong: Error {}

  private let limit: Int
  private(set) var parts: [ByteBuffer] = []
  private(set) var count = 0
  private(set) var isFinished = false

  /// - Parameter limit: the most bytes to take.
  init(limit: Int) {
    self.limit = limit
  }

  func write(_ buffer: ByteBuffer) async throws {
    count += buffer.readableBytes
    guard count <= limit else { throw TooLong() }
    if buffer.readableBytes > 0 { parts.append(buffer) }
  }

  func finish(_ trailingHeaders: HTTPFields?) async throws { isFinished = true }

  /// All of it in one piece.
  var whole: ByteBuffer {
    guard parts.count != 1 else { return parts[0] }
    var whole = ByteBuffer()
    whole.reserveCapacity(count)
    for part in parts { whole.writeImmutableBuffer(part) }
    return whole
  }
}
