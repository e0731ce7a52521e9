public import Foundation

/// How what a host has stored stands to its identity: the agents that are not of it, and the keys that nobody known
/// has made. It is computed from what is handed in and touches nothing.
public struct IdentityHealth: Hashable, Sendable {
  /// An agent with an index and an address.
  public struct Agent: Hashable, Sendable {
    public let id: UUID
    public let name: String
    public let index: AgentIndex
    public let address: Address

    public init(id: UUID, name: String, index: AgentIndex, address: Address) {
      self.id = id
      self.name = name
      self.index = index
      self.address = address
    }
  }

  /// An access key that was not revoked.
  public struct Key: Hashable, Sendable {
    public let id: UUID
    public let label: String
    public let fingerprint: String
    public let issuer: Address
    public let audience: Address

    public init(id: UUID, label: String, fingerprint: String, issuer: Address, audience: Address) {
      self.id = id
      self.label = label
      self.fingerprint = fingerprint
      self.issuer = issuer
      self.audience = audience
    }
  }

  /// Whether the master gave an address for every index. Without one nothing can be compared, and nothing is reported.
  public let canDerive: Bool
  /// Agents whose address is not the one of their index. Nobody can speak for them.
  public let driftedAgents: [Agent]
  /// Keys whose issuer is neither the master, nor an agent at its address, nor trusted.
  public let staleKeys: [Key]

  /// Compares.
  ///
  /// - Parameters:
  ///   - keys: those that are not revoked.
  ///   - trusted: foreign issuers whose keys are taken.
  ///   - master: the identity; nil where it cannot be had.
  public init(agents: [Agent], keys: [Key], trusted: Set<Address>, master: MasterKey?) {
    self.init(agents: agents, keys: keys, trusted: trusted, master: master?.address) {
      try master?.agentKey($0).address
    }
  }

  init(
    agents: [Agent], keys: [Key], trusted: Set<Address>, master: Address?,
    derive: (AgentIndex) throws -> Address?
  ) {
    guard let master, let derived = try? agents.compactMap({ try derive($0.index) }) else {
      (canDerive, driftedAgents, staleKeys) = (false, [], [])
      return
    }
    canDerive = true
    driftedAgents = zip(agents, derived).filter { $0.address != $1 }.map(\.0)
    // A key that an agent's own index signed is not stale, even where the agent has yet to be brought back to it.
    let known = trusted.union(derived).union([master])
    staleKeys = keys.filter { !known.contains($0.issuer) }
  }
}
