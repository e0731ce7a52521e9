public import Identity
import SecretMemory

/// What is sent to `/pair-invite`: the invite, and the key to which the access key is to be sealed. (spec/02, C6)
public struct RedemptionRequest: Sendable {
  public let invite: Invite
  /// Base64url of an X25519 public key; nil from clients that cannot open what is sealed.
  public let encPub: String?
  /// Names this redemption, so that a host can give its answer once more to whoever did not get it: base64url of 16
  /// random bytes. Clients of other kinds send none.
  public let attempt: String?

  /// A request of this machine.
  public init(_ invite: VerifiedInvite, for key: ReceivingKey) {
    self.invite = invite.invite
    encPub = key.encPub
    attempt = Base64URL.string(RandomBytes.make(16))
  }

  /// Reads a request body. Members that belong to none are passed over.
  /// - Throws: ``InviteRefusal``. Whether the invite is signed is not looked at.
  public init(parsing body: UnsafeRawBufferPointer) throws(InviteRefusal) {
    invite = try Invite(parsing: body)
    var encPub: String?
    var attempt: String?
    let isWhole = FlatJSON.scan(body) { key, value in
      if FlatJSON.isNull(value) { return true }
      if FlatJSON.isKey(key, "encPub") { return FlatJSON.fill(&encPub, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "attempt") { return FlatJSON.fill(&attempt, FlatJSON.text(value)) }
      return true
    }
    guard isWhole else { throw .notAnObject }
    self.encPub = encPub
    self.attempt = attempt.flatMap { $0.utf8.count == 22 ? $0 : nil }
  }

  /// The request body.
  public func encoded() -> [UInt8] {
    var more: [String: SortedJSON.Value] = [:]
    more["encPub"] = encPub.map { .text($0) }
    more["attempt"] = attempt.map { .text($0) }
    return invite.encoded(with: more)
  }
}
