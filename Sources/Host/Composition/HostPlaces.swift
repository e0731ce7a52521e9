import Identity
import Relay

/// Where this host is reached, as it tells those who hold a key and asked through the channel: a device that was let in
/// through the relay finds it on the network as well, and the other way round.
struct HostPlaces: Sendable {
  /// What is told about one agent.
  struct Told: Encodable, Hashable, Sendable {
    /// URLs on networks that this host is on; none where it is not exposed.
    let network: [String]
    /// The agent's public URL at a relay.
    let relay: String?
  }

  /// The most URLs that are told.
  private static let limit = 4

  let settings: HostSettings
  let listening: ListeningAddress
  let tunnel: HostTunnel

  func told(of agent: Address) async -> Told {
    let status = await tunnel.status
    return Told(network: network, relay: status.isProven(agent) ? status.url(of: agent) : nil)
  }

  private var network: [String] {
    guard settings.isExposed, let listening = listening.value else { return [] }
    let all = ["0.0.0.0", "::"].contains(listening.bind) ? InvitePlace.addresses : [listening.bind]
    return all.prefix(Self.limit).map { address in
      "http://\(address.contains(":") ? "[\(address)]" : address):\(listening.port)"
    }
  }
}
