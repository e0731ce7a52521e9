/// An agent's word that whoever brings this may have one access key: signed, for a time, and once. (spec/01, A11)
///
/// It is a secret like a key until it is used, so it never shows itself in a description. Nothing about one that was
/// read is believed until ``verified(now:)``.
public struct Invite: Hashable, Sendable {
  static let version: Int64 = 1

  /// The agent that invites.
  public let agent: Address
  public let details: InviteDetails
  public let nonce: InviteNonce
  /// The Unix second from which it is refused.
  public let expiresAt: Int64
  let signature: RecoverableSignature
  /// The address as the invite writes it, which is what was signed.
  let writtenAddress: String

  init(
    agent: Address, writtenAddress: String, details: InviteDetails, nonce: InviteNonce, expiresAt: Int64,
    signature: RecoverableSignature
  ) {
    self.agent = agent
    self.writtenAddress = writtenAddress
    self.details = details
    self.nonce = nonce
    self.expiresAt = expiresAt
    self.signature = signature
  }

  /// Makes an invite. With the same bytes for chance it is the same invite.
  /// - Parameter random: ``InviteNonce/randomCount`` bytes.
  public static func make(
    by agent: SigningKey, _ details: InviteDetails, expiresAt: Int64, random: [UInt8]
  ) -> Invite {
    make(by: agent, details, expiresAt: expiresAt, nonce: InviteNonce(random: random, details: details))
  }

  /// Makes an invite again whose nonce was kept.
  public static func make(
    by agent: SigningKey, _ details: InviteDetails, expiresAt: Int64, nonce: InviteNonce
  ) -> Invite {
    let written = agent.address.checksummed
    let payload = signedPayload(address: written, nonce: nonce, expiresAt: expiresAt)
    return Invite(
      agent: agent.address, writtenAddress: written, details: details, nonce: nonce, expiresAt: expiresAt,
      signature: agent.sign(payload, in: .invite))
  }

  /// Checks who signed it, whether its details are those that were signed, and whether it still holds.
  /// - Parameter now: the time, in Unix seconds.
  /// - Throws: ``InviteRefusal/wrongSignature``, ``InviteRefusal/alteredDetails`` or ``InviteRefusal/expired(at:)``, the
  ///   first of them that is so.
  public func verified(now: Int64) throws(InviteRefusal) -> VerifiedInvite {
    let payload = Self.signedPayload(address: writtenAddress, nonce: nonce, expiresAt: expiresAt)
    guard signature.recoverAddress(of: payload, in: .invite) == agent else { throw .wrongSignature }
    if nonce.bindsDetails, !nonce.binds(details) { throw .alteredDetails }
    guard now < expiresAt else { throw .expired(at: expiresAt) }
    return VerifiedInvite(self)
  }

  private static func signedPayload(address: String, nonce: InviteNonce, expiresAt: Int64) -> [UInt8] {
    Array("osaurus-agent-invite-v1:\(address):\(nonce.text):\(expiresAt)".utf8)
  }
}

extension Invite: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "invite to \(agent)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// An invite that its agent signed and that has not ended. Only ``Invite/verified(now:)`` makes one.
public struct VerifiedInvite: Hashable, Sendable {
  public let invite: Invite

  fileprivate init(_ invite: Invite) { self.invite = invite }

  /// Whether name, description and URL are the agent's word as well. Where they are not, they are whatever somebody on
  /// the invite's way wanted them to be.
  public var detailsAreSigned: Bool { invite.nonce.bindsDetails }
}

extension VerifiedInvite: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { invite.description }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
