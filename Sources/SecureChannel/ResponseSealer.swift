import Crypto
import Synchronization

/// Seals the answer to one call, frame by frame, up to the one that says that it was the last. (spec/01, B6)
public final class ResponseSealer: Sendable {
  private struct State {
    var next: UInt64 = 0
    var isFinished = false
  }

  private let sid: String
  private let call: UInt64
  private let key: SymmetricKey
  private let isPadded: Bool
  private let state = Mutex(State())

  init(sid: String, call: UInt64, key: SymmetricKey, isPadded: Bool) {
    self.isPadded = isPadded
    self.sid = sid
    self.call = call
    self.key = key
  }

  /// Seals the next frame, as JSON.
  /// - Parameter isLast: Whether the answer ends with it.
  /// - Throws: ``SecureChannelError/alreadyFinished``.
  public func seal(
    _ plaintext: UnsafeRawBufferPointer, isLast: Bool
  ) throws(SecureChannelError) -> [UInt8] {
    var writer = ByteWriter(capacity: plaintext.count * 4 / 3 + 96)
    try write(plaintext, isLast: isLast, to: &writer)
    return writer.bytes
  }

  /// Seals the next frame, as a server-sent event.
  /// - Parameter isLast: Whether the answer ends with it.
  /// - Throws: ``SecureChannelError/alreadyFinished``.
  public func sealEvent(
    _ plaintext: UnsafeRawBufferPointer, isLast: Bool
  ) throws(SecureChannelError) -> [UInt8] {
    var writer = ByteWriter(capacity: plaintext.count * 4 / 3 + 104)
    writer.append("data: ")
    try write(plaintext, isLast: isLast, to: &writer)
    writer.append("\n\n")
    return writer.bytes
  }

  private func write(
    _ plaintext: UnsafeRawBufferPointer, isLast: Bool, to writer: inout ByteWriter
  ) throws(SecureChannelError) {
    let frame = state.withLock { state -> UInt64? in
      guard !state.isFinished else { return nil }
      defer { state.next += 1 }
      state.isFinished = isLast
      return state.next
    }
    guard let frame else { throw .alreadyFinished }
    let additional = AEAD.responseData(sid: sid, call: call, frame: frame, isLast: isLast)
    func seal(_ plaintext: UnsafeRawBufferPointer) {
      AEAD.seal(plaintext, key: key, counter: frame, additional: additional) { sealed in
        ResponseFrame.write(sequence: frame, isLast: isLast, sealed: sealed, to: &writer)
      }
    }
    if isPadded { Padding.padded(plaintext).withUnsafeBytes { seal($0) } } else { seal(plaintext) }
  }
}
