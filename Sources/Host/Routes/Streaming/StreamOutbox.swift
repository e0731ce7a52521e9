import NIOCore
import Synchronization

/// What is written but not yet sent of one streamed answer: the passage between the task that makes it and the
/// task that owns the connection. While the connection is slow, what is made gathers here and leaves in one piece;
/// when too much has gathered, its maker waits.
final class StreamOutbox: Sendable {
  /// The number of bytes from which the maker waits.
  static let highWater = 64 << 10

  private struct State {
    var buffer = ByteBuffer()
    /// Whether anything was written since the last tick.
    var isLively = false
    var isFinished = false
    var reader: CheckedContinuation<ByteBuffer?, Never>?
    var writer: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  /// Adds bytes and, if too much has gathered, waits until they are taken.
  /// - Throws: `CancellationError` when the task is cancelled or nobody reads any more.
  func write(_ body: (inout ByteBuffer) -> Void) async throws {
    try Task.checkCancellation()
    let isFull = try append(body)
    guard isFull else { return }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state in
          guard state.buffer.readableBytes >= Self.highWater, !state.isFinished, !Task.isCancelled else {
            return false
          }
          state.writer = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      resumeWriter()
    }
    try Task.checkCancellation()
  }

  /// Adds `sign` if nothing was written since the last tick.
  func tick(_ sign: ByteBuffer) {
    let isQuiet = state.withLock { state in
      defer { state.isLively = false }
      return !state.isLively && !state.isFinished && state.buffer.readableBytes == 0
    }
    if isQuiet {
      _ = try? append { $0.writeImmutableBuffer(sign) }
      state.withLock { $0.isLively = false }
    }
  }

  /// Everything that has gathered, as soon as there is something; nil at the end.
  func next() async -> ByteBuffer? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let (answer, writer) = state.withLock { state -> (ByteBuffer??, CheckedContinuation<Void, Never>?) in
          if state.buffer.readableBytes > 0, !Task.isCancelled {
            let buffer = state.buffer
            state.buffer = ByteBuffer()
            defer { state.writer = nil }
            return (.some(buffer), state.writer)
          }
          if state.isFinished || Task.isCancelled { return (.some(nil), nil) }
          state.reader = continuation
          return (nil, nil)
        }
        if let answer { continuation.resume(returning: answer) }
        writer?.resume()
      }
    } onCancel: {
      finish()
    }
  }

  /// Ends the passage; what has gathered is still read.
  func finish() {
    let (reader, writer) = state.withLock { state in
      state.isFinished = true
      defer { (state.reader, state.writer) = (nil, nil) }
      return (state.reader, state.writer)
    }
    reader?.resume(returning: nil)
    writer?.resume()
  }

  private func resumeWriter() {
    let writer = state.withLock { state in
      defer { state.writer = nil }
      return state.writer
    }
    writer?.resume()
  }

  /// - Returns: whether there is too much now.
  private func append(_ body: (inout ByteBuffer) -> Void) throws -> Bool {
    let (reader, buffer, isFull) = try state.withLock {
      state throws(CancellationError) -> (CheckedContinuation<ByteBuffer?, Never>?, ByteBuffer, Bool) in
      guard !state.isFinished else { throw CancellationError() }
      body(&state.buffer)
      state.isLively = true
      guard let reader = state.reader else {
        return (nil, ByteBuffer(), state.buffer.readableBytes >= Self.highWater)
      }
      let buffer = state.buffer
      state.buffer = ByteBuffer()
      state.reader = nil
      return (reader, buffer, false)
    }
    reader?.resume(returning: buffer)
    return isFull
  }
}
