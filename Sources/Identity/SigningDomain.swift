/// What a signature is for. A signature made for one domain means nothing in another, because the domain's
/// prefix is hashed with the payload. (spec/01, A4)
public enum SigningDomain: String, CaseIterable, Sendable {
  /// A request token of the master.
  case message = "Osaurus Signed Message"
  /// An access key, by the master or an agent.
  case access = "Osaurus Signed Access"
  /// A pairing request, by a connector.
  case pairing = "Osaurus Signed Pairing"
  /// The answer to a pairing request, by an agent.
  case pairingServer = "Osaurus Signed Pairing Server"
  /// An invite, by an agent.
  case invite = "Osaurus Signed Invite"
  /// The transcript of a secure-channel handshake, by an agent.
  case secureChannel = "Osaurus Secure Channel"
  /// A message to a relay, by an agent (EIP-191, `personal_sign`).
  case ethereum = "Ethereum Signed Message"
  /// A checkpoint of a host's audit, by the master. (Docs/AUDIT.md)
  case audit = "Osaurus Host Audit Checkpoint"

  /// The 32 bytes that are signed: Keccak-256(0x19 ‖ prefix ‖ ":\n" ‖ decimal length ‖ payload).
  public func digest(of payload: UnsafeRawBufferPointer) -> [UInt8] {
    var hash = Keccak256()
    hash.update(CollectionOfOne(0x19))
    hash.update(rawValue.utf8)
    hash.update(":\n\(payload.count)".utf8)
    hash.update(payload)
    return hash.finish()
  }

  /// The 32 bytes that are signed for `payload`.
  public func digest(of payload: [UInt8]) -> [UInt8] {
    payload.withUnsafeBytes { digest(of: $0) }
  }
}
