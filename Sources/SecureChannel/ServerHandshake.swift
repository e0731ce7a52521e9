public import Crypto
import Foundation
public import Identity

/// The server's half of a handshake: it answers whoever asks, and proves by the agent's signature who it is. Who the
/// client is shows only in the calls, by the access key that each of them carries. (spec/01, B4)
public enum ServerHandshake {
  /// How long a session lives, in seconds.
  public static let lifetime: Int64 = 3600

  /// Accepts a client's hello for the agent that `agentKey` belongs to.
  /// - Parameters:
  ///   - now: the time, in Unix seconds.
  ///   - ephemeral: the server's key for this session alone.
  /// - Throws: ``SecureChannelError/malformedHandshake``, or ``SecureChannelError/unknownAgent`` when the hello
  ///   means another agent.
  public static func accept(
    _ hello: ClientHello, agentKey: SigningKey, now: Int64, lifetime: Int64 = lifetime,
    sid: SessionID = .random(), ephemeral: Curve25519.KeyAgreement.PrivateKey = .init()
  ) throws(SecureChannelError) -> (ServerHello, ServerSession) {
    guard hello.agent == agentKey.address else { throw .unknownAgent }
    guard let nonce = Base64URL.decode(hello.nonce), nonce.count >= 16 else { throw .malformedHandshake }
    let shared = try SessionKeys.agree(ephemeral, with: hello.encPub)
    let encPub = Base64URL.string(Array(ephemeral.publicKey.rawRepresentation))
    let text = sid.text
    let expiresAt = now + lifetime
    let transcript = try Transcript(hello: hello, sid: text, serverKey: encPub, expiresAt: expiresAt)
    let signature = agentKey.sign(transcript.bytes, in: .secureChannel)
    let session = ServerSession(
      sid: sid, agent: agentKey.address, expiresAt: expiresAt,
      keys: SessionKeys(shared: shared, transcript: transcript))
    let answer = ServerHello(
      sid: text, encPub: encPub, expiresAt: expiresAt, signature: signature.prefixedHex)
    return (answer, session)
  }
}
