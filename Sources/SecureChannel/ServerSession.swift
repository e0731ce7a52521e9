import Foundation
public import Identity
import Synchronization

/// A call that was opened: its tag fitted, and it was not seen before. Only ``ServerSession/open(_:now:)`` makes one.
public struct OpenedCall: Sendable {
  /// What is asked.
  public let request: InnerRequest
  /// Seals the answer.
  public let sealer: ResponseSealer
  /// Whether it asks if the server pads. Whatever it asks for besides is answered as ever.
  public var asksForPadding: Bool {
    request.headers?.contains {
      $0.key.lowercased() == Padding.header.lowercased() && $0.value == String(Padding.version)
    } ?? false
  }
}

/// The server's end of a session. (spec/01, B5)
public final class ServerSession: Sendable {
  public let sid: SessionID
  /// The agent that signed the handshake.
  public let agent: Address
  /// The Unix second at which it ends.
  public let expiresAt: Int64

  private let sidText: String
  private let keys: SessionKeys
  private let window = Mutex(ReplayWindow())

  init(sid: SessionID, agent: Address, expiresAt: Int64, keys: SessionKeys) {
    self.sid = sid
    self.agent = agent
    self.expiresAt = expiresAt
    self.keys = keys
    sidText = sid.text
  }

  /// Opens a call, once.
  /// - Parameter now: the time, in Unix seconds.
  /// - Throws: ``SecureChannelError/sessionUnknown`` after the session's end and for a call that names another,
  ///   ``SecureChannelError/decryptionFailed``, ``SecureChannelError/replayed``, and
  ///   ``SecureChannelError/malformedInnerRequest``, which uses the sequence number up.
  public func open(_ call: CallRequest, now: Int64) throws(SecureChannelError) -> OpenedCall {
    guard now < expiresAt, call.session == sid else { throw .sessionUnknown }
    let additional = AEAD.requestData(sid: sidText, sequence: call.sequence)
    guard call.version == 1, let box = call.box,
      let plaintext = AEAD.open(box, key: keys.clientToServer, additional: additional)
    else { throw .decryptionFailed }
    guard window.withLock({ $0.take(call.sequence) }) else { throw .replayed }
    let isPadded = plaintext.withUnsafeBytes { Padding.follows($0) }
    let request = plaintext.withUnsafeBytes { text in
      Result { () throws(SecureChannelError) in
        guard isPadded else { return try InnerRequest(parsing: text) }
        guard let count = Padding.contentCount(of: text) else { throw .malformedInnerRequest }
        return try InnerRequest(parsing: UnsafeRawBufferPointer(rebasing: text[..<count]))
      }
    }
    let sealer = ResponseSealer(
      sid: sidText, call: call.sequence, key: keys.responseKey(for: call.sequence), isPadded: isPadded)
    return OpenedCall(request: try request.get(), sealer: sealer)
  }
}
