import Synchronization

/// A streamed answer: pieces of plaintext in order, each opened and authenticated. It ends only after the peer's
/// authenticated end; otherwise, after all that had arrived, it throws ``ConnectorError``, such as
/// ``ConnectorError/streamTruncated``.
///
/// Cancelling the consuming task, leaving the loop or dropping the stream closes the connection, upon which the peer
/// stops. It can be consumed once.
public struct PeerStream: AsyncSequence, Sendable {
  public typealias Element = [UInt8]

  /// Gives its reader away, so that the iterator alone keeps the connection.
  private final class Source: Sendable {
    let reader: Mutex<FrameReader?>
    init(_ reader: FrameReader) { self.reader = Mutex(reader) }
  }

  private let source: Source

  init(_ reader: FrameReader) { source = Source(reader) }

  public func makeAsyncIterator() -> Iterator {
    let reader = source.reader.withLock { reader in
      defer { reader = nil }
      return reader
    }
    guard let reader else { preconditionFailure("a stream is consumed once") }
    return Iterator(reader: reader)
  }

  public struct Iterator: AsyncIteratorProtocol {
    let reader: FrameReader

    public mutating func next() async throws -> [UInt8]? { try await reader.next() }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> [UInt8]? {
      try await reader.next()
    }
  }
}
