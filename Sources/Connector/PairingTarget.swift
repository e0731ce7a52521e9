public import Foundation
public import Identity

/// An agent that this machine wants to be let in to, and where. It may come from a person, or from what was found on the
/// network, which is nobody's word.
public struct PairingTarget: Hashable, Sendable {
  /// Where the host is; see ``Peer/url``.
  public let url: URL
  /// The agent as the host is asked for it: its id, in uppercase, or its address.
  public let agent: String
  /// The agent's id, where that is known.
  public let agentID: UUID?
  /// Who has to answer; nil where nobody said so, and whoever answers is to be compared by a person.
  public let expected: Address?

  /// - Parameters:
  ///   - agent: its id or its address.
  ///   - address: who has to answer, where `agent` does not say so.
  /// - Throws: ``ConnectorError/invalidURL(reason:)`` or ``ConnectorError/invalidAgent``.
  public init(url: String, agent: String, address: Address? = nil) throws(ConnectorError) {
    self.url = try Peer.base(url)
    if let id = UUID(uuidString: agent) {
      (self.agent, agentID, expected) = (id.uuidString, id, address)
    } else if let named = try? Address(agent), address == nil || address == named {
      (self.agent, agentID, expected) = (named.checksummed, nil, named)
    } else {
      throw .invalidAgent
    }
  }
}

/// An agent that let this machine in.
public struct PairedAgent: Sendable {
  /// Who signed the answer.
  public let address: Address
  public let key: PeerKey
  /// Whether the key never ends.
  public let isPermanent: Bool
}
