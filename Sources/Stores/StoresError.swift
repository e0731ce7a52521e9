public import Identity

/// Why a store refused, each as a sentence for a person.
public enum StoresError: Error, Hashable, Sendable {
  /// No agent answers to that name, id or address.
  case noSuchAgent(String)
  /// No access key has that id, fingerprint or label.
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
  /// Several access keys have that fingerprint or label.
  case ambiguousKey(String)
  /// The agent of that name has no address, so there are no keys for it.
  case noAddress(String)
  /// The address is or was one of this host's own.
  case ownAddress(Address)
  /// The issuer is not trusted, or not for that.
  case notTrusted(Address)
  /// No session has that id, or it is with another agent, or somebody else opened it.
  case noSuchSession
  /// An agent of that name is there already.
  case nameTaken(String)
  /// An agent has as many secrets as may be.
  case tooManySecrets
  /// The code of an agent keeps as many settings as may be.
  case tooManySettings
  /// A name is empty, longer than 64 characters, holds control characters, or reads as an address or an id.
  case badName
  /// That index was given to an agent before.
  case indexGiven(UInt32)
  /// Every index was used.
  case indicesExhausted
  /// A number that must never start anew is gone from the database.
  case counterMissing
  /// The database does not open.
  case unavailable(reason: String)
  /// An attachment's row makes no sense.
  case malformedAttachment
  /// The audit has no room, and nothing in it is old enough to go by itself.
  case auditFull
  /// A line is none of an export of an audit.
  case notAnAuditExport
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
    case .ambiguousKey(let reference):
      "Several access keys answer to '\(reference)'; name one by its id, from 'osaurus-host key list --json'."
    case .noAddress(let name):
      "\(name) has no address, so no key opens it; give it one with 'osaurus-host agent rotate'."
    case .ownAddress(let address):
      "\(address) belongs to this host, whose own keys need no trust and speak for nobody else."
    case .notTrusted(let address): "\(address) is not trusted for that; see 'osaurus-host key trusted'."
    case .noSuchSession: "There is no such conversation with this agent."
    case .nameTaken(let name): "There is an agent called '\(name)' already; choose another name."
    case .tooManySecrets: "An agent has at most \(AgentSecretStore.most) secrets; remove some first."
    case .tooManySettings: "The code of an agent keeps at most \(SandboxConfigStore.most) settings."
    case .badName: "An agent's name has 1 to 64 characters on one line, and is no address and no id."
    case .indexGiven(let index):
      "The index \(index) was given to an agent here before, and none is given twice; see 'osaurus-host agent list'."
    case .indicesExhausted: "This identity has no agent index left."
    case .counterMissing:
      "The host's database is damaged: a counter is gone. Bring a backup back before agents or keys are made."
    case .unavailable(let reason): "What this host stores cannot be used now. \(reason)"
    case .malformedAttachment:
      "An attachment is not as it was written; 'osaurus-host storage verify' tells which."
    case .auditFull:
      """
      The audit is full, and nothing runs unrecorded: export it with 'osaurus-host audit export FILE', then make room with \
      'osaurus-host audit prune'.
      """
    case .notAnAuditExport: "This is no export of an audit; 'osaurus-host audit export FILE' writes one."
    case .identity(let error): error.description
    }
  }
}
