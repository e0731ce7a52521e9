import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Pairing
import Stores

/// The owner's word on connectors that ask to be let in.
struct ControlPairRoutes: RouteGroup {
  let desk: PairingDesk
  let peers: ControlPeers

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/pair/requests", .administration, use: list)
    routes.on(.get, "/control/pair/changes", .administration, use: changes)
    routes.on(.post, "/control/pair/requests/{id}/approve", .administration, use: approve)
    routes.on(.post, "/control/pair/requests/{id}/deny", .administration, use: deny)
  }

  private struct Listing: Encodable {
    /// Names what this listing shows, for ``ControlPairRoutes/changes``.
    let revision: UInt64
    let requests: [ControlPairRequest]

    init(_ desk: PairingDesk) {
      let (revision, waiting) = desk.list()
      self.revision = revision
      requests = waiting.map { ControlPairRequest($0) }
    }
  }

  private struct Order: Decodable {
    var permanent: Bool?
  }

  private struct Outcome: Encodable {
    /// `paired` or `denied`.
    let status: String
    let peer: ControlPeer?
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try .json(Listing(desk))
  }

  /// Answers once there is another listing than that of `after`, and after a while in any case.
  private func changes(_ request: Request, _ context: HostContext) async throws -> Response {
    await ControlChanges.awaited(by: request) { [desk] in await desk.change(after: $0) }
    return try .json(Listing(desk))
  }

  private func approve(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      return try await decide(.allowed(isPermanent: order.permanent ?? false), context)
    }
  }

  private func deny(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering { try await decide(.denied, context) }
  }

  private func decide(_ word: PairingWord, _ context: HostContext) async throws -> Response {
    let id = context.parameters.get("id")?.removingPercentEncoding ?? ""
    do {
      switch try await desk.decide(word, on: id) {
      case .paired(let peer):
        return try .json(Outcome(status: "paired", peer: try await peers.list().first { $0.id == peer }))
      case .denied: return try .json(Outcome(status: "denied", peer: nil))
      case .gone:
        throw ControlFailure(
          status: .conflict, code: "request_gone",
          message: "The device went away before it could be let in; it has no key.")
      case .failed:
        throw ControlFailure(
          status: .conflict, code: "pairing_failed",
          message: "No key could be made for it, and it was told so; see the service's log.")
      }
    } catch PairingDesk.Deafness.unseen {
      throw ControlFailure(
        status: .conflict, code: "request_unseen",
        message: "Look first at who asks, and at its four words: osaurus-host pair requests")
    } catch PairingDesk.Deafness.gone {
      throw ControlFailure(
        status: .notFound, code: "request_not_found",
        message:
          "Nobody asks under '\(id.prefix(100))' any more; a request waits for two minutes. See who does: osaurus-host pair requests"
      )
    }
  }
}

/// A connector that waits, as its owner sees it.
struct ControlPairRequest: Codable, Hashable, Sendable {
  let id: String
  /// The agent that it asks for.
  let agent: String
  let agentID: UUID
  let agentAddress: Address
  /// Who asks.
  let connector: Address
  /// The words that the connector shows, too.
  let words: String
  let from: String
  let askedAt: Date
  let endsAt: Date

  init(_ waiting: WaitingVisitor) {
    let visitor = waiting.visitor
    id = waiting.id
    agent = visitor.agentName
    agentID = visitor.agent
    agentAddress = visitor.agentAddress
    connector = visitor.connector
    words = visitor.words.description
    from = visitor.source?.description ?? "this machine"
    askedAt = waiting.askedAt
    endsAt = waiting.endsAt
  }
}
