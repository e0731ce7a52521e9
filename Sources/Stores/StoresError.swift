public import Identity

/// Why a store refused, each as a sentence for a person.
public enum StoresError: Error, Hashable, Sendable {
  /// No agent answers to that name, id or address.
  case noSuchAgent(String)
  /// No access key has that id.
  case noSuchKey(String)
  /// No invite has that id.
  case noSuchInvite(String)
  /// As many invites as possible wait to be redeemed.
  case tooManyInvites
  /// The invite that was brought is none of this host's.
  case unknownInvite
  /// The invite that was brought was redeemed before.
  case usedInvite
  /// The invite that was brought was taken back.
  case revokedInvite
  /// The invite that was brought has ended.
  case expiredInvite
  /// No session has that id, or it is with another agent, or somebody else opened it.
  case noSuchSession
  /// An agent of that name is there already.
  case nameTaken(String)
  /// A name is empty, longer than 64 characters, or holds control characters.
  case badName
  /// Every index was used.
  case indicesExhausted
  /// The database does not open.
  case unavailable(reason: String)
  /// An attachment's row makes no sense.
  case malformedAttachment
  /// The key could not be derived.
  case identity(IdentityError)
}

extension StoresError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchAgent(let reference): "There is no agent '\(reference)'; see 'osaurus-host agent list'."
    case .noSuchKey(let id): "There is no access key '\(id)'; see 'osaurus-host key list'."
    case .noSuchInvite(let id): "There is no invite '\(id)'; see 'osaurus-host invite list'."
    case .tooManyInvites:
      "\(InviteStore.mostOpen) invites wait to be redeemed already; revoke some: see 'osaurus-host invite list'."
    case .unknownInvite: "This host made no such invite."
    case .usedInvite: "This invite was redeemed before."
    case .revokedInvite: "This invite was taken back."
    case .expiredInvite: "This invite has expired."
    case .noSuchSession: "There is no such conversation with this agent."
    case .nameTaken(let name): "There is an agent called '\(name)' already; choose another name."
    case .badName: "An agent's name has 1 to 64 characters on one line."
    case .indicesExhausted: "This identity has no agent index left."
    case .unavailable(let reason): "What this host stores cannot be used now. \(reason)"
    case .malformedAttachment:
      "An attachment is not as it was written; 'osaurus-host storage verify' tells which."
    case .identity(let error): error.description
    }
  }
}
