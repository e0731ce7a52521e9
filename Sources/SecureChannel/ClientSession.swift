public import Identity
import Synchronization

/// The client's end of a session. (spec/01, B7)
public final class ClientSession: Sendable {
  /// The session's identifier, as it is written on the wire.
  public let sid: String
  /// The agent that signed the handshake.
  public let agent: Address
  /// The Unix second at which it ends.
  public let expiresAt: Int64

  private let keys: SessionKeys
  private let last = Mutex<UInt64>(0)

  init(sid: String, agent: Address, expiresAt: Int64, keys: SessionKeys) {
    self.sid = sid
    self.agent = agent
    self.expiresAt = expiresAt
    self.keys = keys
  }

  /// Seals a request under the next sequence number.
  /// - Parameter isPadded: whether the request is padded, and the answer will be. Only a server that offered it knows of
  ///   padding.
  /// - Returns: The body to post, and what opens the answer to it.
  public func seal(
    _ request: InnerRequest, isPadded: Bool = false
  ) -> (body: [UInt8], opener: ResponseOpener) {
    let sequence = last.withLock { last in
      last += 1
      return last
    }
    let additional = AEAD.requestData(sid: sid, sequence: sequence)
    let text = request.encoded()
    let body = (isPadded ? text.withUnsafeBytes { Padding.padded($0) } : text).withUnsafeBytes { plaintext in
      AEAD.seal(plaintext, key: keys.clientToServer, counter: sequence, additional: additional) { sealed in
        CallRequest.encoded(sid: sid, sequence: sequence, sealed: sealed)
      }
    }
    let opener = ResponseOpener(
      sid: sid, call: sequence, key: keys.responseKey(for: sequence), isPadded: isPadded)
    return (body, opener)
  }
}
