/// One access key of one issuer, as revocations name it.
public struct RevokedKey: Hashable, Sendable {
  public let issuer: Address
  /// The nonce of the key, as its claims spell it.
  public let nonce: String

  public init(issuer: Address, nonce: String) {
    self.issuer = issuer
    self.nonce = nonce
  }
}

/// Decides what a presented access key is worth, from rules that never change: whoever changes a key, an agent,
/// the whitelist or a revocation makes a new validator and puts it in this one's place. (spec/01, A8 and A9)
public struct AccessKeyValidator: Sendable {
  /// Everything that the answer depends on, apart from the time.
  public struct Rules: Sendable {
    /// The address of the whole host.
    public var master: Address
    /// The addresses of its agents as they are now.
    public var agents: Set<Address>
    /// Foreign issuers whose keys are taken for any audience.
    public var masterWhitelist: Set<Address>
    /// Foreign issuers whose keys are taken for every agent, and not for the host itself.
    public var everyAgentWhitelist: Set<Address>
    /// Foreign issuers whose keys are taken for one agent.
    public var agentWhitelists: [Address: Set<Address>]
    public var revokedKeys: Set<RevokedKey>
    /// For an issuer, the counter up to which all its keys are revoked.
    public var counterThresholds: [Address: UInt64]
    /// The counter below which no key of this identity's own is taken, be it the master's or an agent's.
    public var counterFloor: UInt64
    /// Whether a key was ever made here; without one, callers are told so.
    public var hasKeys: Bool

    public init(
      master: Address, agents: Set<Address> = [], masterWhitelist: Set<Address> = [],
      everyAgentWhitelist: Set<Address> = [], agentWhitelists: [Address: Set<Address>] = [:],
      revokedKeys: Set<RevokedKey> = [], counterThresholds: [Address: UInt64] = [:],
      counterFloor: UInt64 = 0, hasKeys: Bool = true
    ) {
      self.master = master
      self.agents = agents
      self.masterWhitelist = masterWhitelist
      self.everyAgentWhitelist = everyAgentWhitelist
      self.agentWhitelists = agentWhitelists
      self.revokedKeys = revokedKeys
      self.counterThresholds = counterThresholds
      self.counterFloor = counterFloor
      self.hasKeys = hasKeys
    }
  }

  private let rules: Rules?

  /// Refuses everything: there is no identity, or it cannot be read.
  public static let closed = AccessKeyValidator(rules: nil)

  public init(rules: Rules) { self.init(rules: Optional(rules)) }

  private init(rules: Rules?) { self.rules = rules }

  /// Whether a key was ever made here.
  public var hasKeys: Bool { rules?.hasKeys ?? false }

  /// Checks a presented text, in the order of the spec: the first thing that is wrong is the answer.
  /// - Parameter now: the time, in Unix seconds.
  public func validate(_ text: UnsafeRawBufferPointer, now: Int64) -> AccessKeyVerdict {
    let issuer: Address
    let payload: AccessKeyPayload
    switch Self.signedPayload(in: text) {
    case .success(let signed): (issuer, payload) = signed
    case .failure(let refusal): return .invalid(refusal)
    }
    guard let rules, let audience = payload.audience, let scope = rules.scope(of: audience) else {
      return .invalid(.audienceMismatch)
    }
    guard rules.mayIssue(issuer, for: scope) else { return .invalid(.issuerNotWhitelisted) }
    if rules.isRevoked(issuer: issuer, nonce: payload.nonce, counter: payload.counter) { return .revoked }
    if let end = payload.expiresAt, now >= end { return .expired }
    return .valid(
      VerifiedAccessKey(
        issuer: issuer, audience: audience, nonce: payload.nonce, counter: payload.counter,
        expiresAt: payload.expiresAt,
        scope: scope))
  }

  /// Whether a key that was good is not revoked, and neither its issuer nor what it opens has gone.
  public func stillAccepts(_ key: VerifiedAccessKey) -> Bool {
    guard let rules, rules.scope(of: key.audience) == key.scope, rules.mayIssue(key.issuer, for: key.scope)
    else { return false }
    return !rules.isRevoked(issuer: key.issuer, nonce: key.nonce, counter: key.counter)
  }

  /// Checks a presented text; see ``validate(_:now:)-(UnsafeRawBufferPointer,_)``.
  public func validate(_ text: some StringProtocol, now: Int64) -> AccessKeyVerdict {
    var text = String(text)
    return text.withUTF8 { validate(UnsafeRawBufferPointer($0), now: now) }
  }

  /// The longest text that is looked at. A key with the longest label that a person can give is far shorter.
  static let maximumLength = 16 * 1024

  /// The payload, and who signed it: the issuer that it names.
  private static func signedPayload(
    in text: UnsafeRawBufferPointer
  ) -> Result<(issuer: Address, AccessKeyPayload), AccessKeyRefusal> {
    guard text.count <= maximumLength else { return .failure(.unrecognisedFormat) }
    let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 2, omittingEmptySubsequences: true)
    guard parts.count == 3, parts[0].elementsEqual(AccessKeyMint.prefix.utf8) else {
      return .failure(.unrecognisedFormat)
    }
    guard let payload = Base64URL.decode(UnsafeRawBufferPointer(rebasing: parts[1])) else {
      return .failure(.payloadEncoding)
    }
    guard let bytes = Hex.decode(UnsafeRawBufferPointer(rebasing: parts[2])),
      bytes.count == RecoverableSignature.byteCount
    else { return .failure(.signatureEncoding) }
    return payload.withUnsafeBytes { text in
      guard let payload = AccessKeyPayload(text) else { return .failure(.malformedPayload) }
      guard let signature = RecoverableSignature(bytes: bytes),
        let signer = signature.recoverAddress(of: text, in: .access)
      else { return .failure(.signatureRecovery) }
      return signer == payload.issuer ? .success((signer, payload)) : .failure(.issuerMismatch)
    }
  }
}

extension AccessKeyValidator.Rules {
  fileprivate func scope(of audience: Address) -> VerifiedAccessKey.Scope? {
    if audience == master { return .master }
    return agents.contains(audience) ? .agent(audience) : nil
  }

  /// An issuer is bound to an audience: an agent of this host speaks for itself alone, whatever a whitelist says, and
  /// a foreign issuer for what it was whitelisted for.
  fileprivate func mayIssue(_ issuer: Address, for scope: VerifiedAccessKey.Scope) -> Bool {
    if issuer == master { return true }
    if agents.contains(issuer) { return scope == .agent(issuer) }
    if masterWhitelist.contains(issuer) { return true }
    switch scope {
    case .master: return false
    case .agent(let agent):
      return everyAgentWhitelist.contains(issuer) || agentWhitelists[agent]?.contains(issuer) == true
    }
  }

  fileprivate func isRevoked(issuer: Address, nonce: String, counter: UInt64) -> Bool {
    if counter < counterFloor, issuer == master || agents.contains(issuer) { return true }
    if let threshold = counterThresholds[issuer], counter <= threshold { return true }
    return revokedKeys.contains(RevokedKey(issuer: issuer, nonce: nonce))
  }
}
