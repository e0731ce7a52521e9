import Crypto
import Foundation

/// Opens the answer to one call, frame by frame. The answer is whole only when ``isFinished`` is true at its end.
/// (spec/01, B7)
public struct ResponseOpener: Sendable {
  private let sid: String
  private let call: UInt64
  private let key: SymmetricKey
  private let isPadded: Bool
  private var next: UInt64 = 0

  /// Whether the frame that ends the answer was opened.
  public private(set) var isFinished = false

  init(sid: String, call: UInt64, key: SymmetricKey, isPadded: Bool) {
    self.isPadded = isPadded
    self.sid = sid
    self.call = call
    self.key = key
  }

  /// Opens the next frame.
  /// - Throws: ``SecureChannelError/malformedFrame`` for one that is out of order, follows the end, is no frame, or is
  ///   not padded where the call was;
  ///   ``SecureChannelError/decryptionFailed`` for one that the server did not seal here.
  public mutating func open(_ text: UnsafeRawBufferPointer) throws(SecureChannelError) -> [UInt8] {
    let frame = try ResponseFrame(parsing: text)
    guard !isFinished, frame.sequence == next else { throw .malformedFrame }
    let additional = AEAD.responseData(sid: sid, call: call, frame: frame.sequence, isLast: frame.isLast)
    guard let plaintext = AEAD.open(frame.box, key: key, additional: additional) else {
      throw .decryptionFailed
    }
    let content: [UInt8]
    if isPadded {
      guard let count = plaintext.withUnsafeBytes({ Padding.contentCount(of: $0) }) else {
        throw .malformedFrame
      }
      content = Array(plaintext.prefix(count))
    } else {
      content = Array(plaintext)
    }
    next += 1
    isFinished = frame.isLast
    return content
  }

  /// Opens the next frame of a stream, whose last one is empty. One that is last and says something is an answer that is one
  /// frame: somebody who cannot read it says that it is a stream, which nothing but this shows.
  /// - Throws: What ``open(_:)`` throws.
  public mutating func openPiece(_ text: UnsafeRawBufferPointer) throws(SecureChannelError) -> [UInt8] {
    let content = try open(text)
    guard !isFinished || content.isEmpty else {
      isFinished = false
      throw .malformedFrame
    }
    return content
  }

  /// Opens an answer that is one frame.
  /// - Throws: What ``open(_:)`` throws, and ``SecureChannelError/streamTruncated`` when more was to follow.
  public mutating func openBuffered(
    _ text: UnsafeRawBufferPointer
  ) throws(SecureChannelError) -> InnerResponse {
    let plaintext = try open(text)
    guard isFinished else { throw .streamTruncated }
    return try Self.response(in: plaintext)
  }

  private static func response(in plaintext: [UInt8]) throws(SecureChannelError) -> InnerResponse {
    let result = plaintext.withUnsafeBytes { text in
      Result { () throws(SecureChannelError) in try InnerResponse(parsing: text) }
    }
    return try result.get()
  }
}
