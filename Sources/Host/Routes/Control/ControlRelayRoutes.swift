import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Relay
import Stores

/// The owner's orders about the relay: which one it is, and which agents are reached through it.
struct ControlRelayRoutes: RouteGroup {
  let agents: AgentStore
  let relay: RelayStore
  let tunnel: HostTunnel
  let access: HostAccess

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/relay", .administration, use: status)
    routes.on(.post, "/control/relay/up", .administration, use: up)
    routes.on(.post, "/control/relay/down", .administration, use: down)
  }

  private struct Order: Decodable {
    /// The relay; without one the one that was chosen before.
    var url: String?
    /// Whether it may be without TLS on another machine, too.
    var insecure: Bool?
    /// Names, addresses or UUIDs; without any, all that the order may be about.
    var agents: [String]?
  }

  private func status(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering { try .json(try await ControlRelay.of(relay, tunnel)) }
  }

  private func up(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      let choice = try Self.choice(order, before: try await relay.chosen().relay)
      var wanted = try await named(order.agents) ?? []
      if wanted.isEmpty { wanted = try await agents.list().filter(\.isReachableFromElsewhere) }
      for agent in wanted where !agent.isReachableFromElsewhere {
        throw ControlFailure(
          status: .conflict, code: "agent_not_exposed",
          message: agent.address == nil
            ? "\(agent.name) has no address; 'osaurus-host agent rotate' gives it one."
            : "\(agent.name) is not exposed; 'osaurus-host agent set' changes that.")
      }
      guard !wanted.isEmpty else {
        throw ControlFailure.invalid("There is no agent that other machines may reach.")
      }
      try await relay.expose(wanted.map(\.id), at: choice)
      try await access.refresh()
      return try .json(try await ControlRelay.of(relay, tunnel))
    }
  }

  private func down(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      try await relay.withdraw(try await named(order.agents)?.map(\.id))
      try await access.refresh()
      return try .json(try await ControlRelay.of(relay, tunnel))
    }
  }

  private func named(_ references: [String]?) async throws -> [AgentRecord]? {
    guard let references, !references.isEmpty else { return nil }
    var named: [AgentRecord] = []
    for reference in references { named.append(try await agents.find(reference: reference)) }
    return named
  }

  /// The relay of an order; nil where it stays the one that it was.
  private static func choice(_ order: Order, before: RelayChoice?) throws -> RelayChoice? {
    if order.url == nil, before != nil { return nil }
    do throws(RelayURL.Refusal) {
      let isInsecure = order.insecure ?? false
      let url = try RelayURL(order.url ?? HostTunnel.defaultRelay, allowsPlaintext: isInsecure)
      return RelayChoice(url: url.description, allowsPlaintext: isInsecure)
    } catch {
      throw ControlFailure.invalid(error.description)
    }
  }
}

/// The relay as its owner sees it.
struct ControlRelay: Codable, Hashable, Sendable {
  struct Agent: Codable, Hashable, Sendable {
    let id: UUID
    let name: String
    let address: Address?
    /// `up`, `checking`, `unproven`, `rejected`, `waiting`, `hidden` or `off`.
    let state: String
    /// Where it is reached, once the relay says so.
    let url: String?
    /// Why it is not, or not for certain.
    let reason: String?
  }

  /// nil until one is chosen.
  let relay: String?
  /// `off`, `opening`, `waiting` or `open`.
  let connection: String
  /// Why there is no tunnel, and in how many seconds it is tried again.
  let reason: String?
  let retryIn: Int?
  let agents: [Agent]

  static func of(_ store: RelayStore, _ tunnel: HostTunnel) async throws -> ControlRelay {
    let (choice, agents) = try await store.chosen()
    return ControlRelay(choice, agents, await tunnel.status)
  }

  init(_ choice: RelayChoice?, _ agents: [AgentRecord], _ status: TunnelStatus) {
    relay = choice?.url
    switch status.connection {
    case .off: (connection, reason, retryIn) = ("off", nil, nil)
    case .opening: (connection, reason, retryIn) = ("opening", nil, nil)
    case .open: (connection, reason, retryIn) = ("open", nil, nil)
    case .waiting(let fault, let seconds):
      (connection, reason, retryIn) = ("waiting", fault.description, seconds)
    }
    let standings = Dictionary(uniqueKeysWithValues: status.agents.map { ($0.address, $0.standing) })
    self.agents = agents.map { agent in
      let (state, url, reason): (String, String?, String?) =
        switch agent.address.flatMap({ standings[$0] }) {
        case nil: (agent.isReachableFromElsewhere ? "off" : "hidden", nil, nil)
        case .waiting: ("waiting", nil, nil)
        case .rejected(let reason): ("rejected", nil, reason)
        case .up(let url, .proven): ("up", url, nil)
        case .up(let url, .checking): ("checking", url, nil)
        case .up(let url, .failed(let reason)): ("unproven", url, reason)
        }
      return Agent(
        id: agent.id, name: agent.name, address: agent.address, state: state, url: url, reason: reason)
    }
  }
}
