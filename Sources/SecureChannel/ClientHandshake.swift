public import Crypto
public import Identity
public import SecretMemory

/// The client's half of a handshake with an agent whose address it knows beforehand. (spec/01, B7)
public struct ClientHandshake: Sendable {
  /// The furthest end of a session that a client believes, in seconds from now.
  static let furthestEnd: Int64 = 2 * 3600
  /// How far the server's clock may be behind, in seconds.
  static let clockSkew: Int64 = 300

  /// What to send to the server.
  public let hello: ClientHello

  private let pinned: Address
  private let ephemeral: Curve25519.KeyAgreement.PrivateKey

  /// - Parameters:
  ///   - pinned: the only address whose signature will be believed.
  ///   - ephemeral: the client's key for this session alone.
  ///   - nonce: at least 16 random bytes.
  public init(
    with pinned: Address, ephemeral: Curve25519.KeyAgreement.PrivateKey = .init(),
    nonce: [UInt8] = RandomBytes.make(16)
  ) {
    self.pinned = pinned
    self.ephemeral = ephemeral
    hello = ClientHello(
      agentAddress: pinned.lowercased,
      encPub: Base64URL.string(Array(ephemeral.publicKey.rawRepresentation)),
      nonce: Base64URL.string(nonce))
  }

  /// Checks the server's answer and gives the session.
  /// - Parameter now: the time, in Unix seconds.
  /// - Throws: ``SecureChannelError/invalidServerHello``, ``SecureChannelError/identityMismatch(expected:actual:)`` or
  ///   ``SecureChannelError/unreasonableExpiry``.
  public func finish(_ answer: ServerHello, now: Int64) throws(SecureChannelError) -> ClientSession {
    guard let sid = Base64URL.decode(answer.sid), !sid.isEmpty,
      let signature = RecoverableSignature(hex: answer.signature)
    else { throw .invalidServerHello }
    let transcript: Transcript
    let shared: SharedSecret
    do throws(SecureChannelError) {
      transcript = try Transcript(
        hello: hello, sid: answer.sid, serverKey: answer.encPub, expiresAt: answer.expiresAt)
      shared = try SessionKeys.agree(ephemeral, with: answer.encPub)
    } catch {
      throw .invalidServerHello
    }
    let signer = signature.recoverAddress(of: transcript.bytes, in: .secureChannel)
    guard signer == pinned else { throw .identityMismatch(expected: pinned, actual: signer) }
    guard answer.expiresAt > now - Self.clockSkew, answer.expiresAt <= now + Self.furthestEnd else {
      throw .unreasonableExpiry
    }
    return ClientSession(
      sid: answer.sid, agent: pinned, expiresAt: answer.expiresAt,
      keys: SessionKeys(shared: shared, transcript: transcript))
  }
}
