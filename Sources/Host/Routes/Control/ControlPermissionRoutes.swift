import Foundation
import HTTPTypes
import Hummingbird
import Sandbox
import Stores

/// The owner's word on what agents' commands ask for, and how much agents may do without asking.
struct ControlPermissionRoutes: RouteGroup {
  let desk: PermissionDesk
  let agents: AgentStore
  let modes: PermissionModeStore
  let audit: AuditLog

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/sandbox/requests", .administration, use: list)
    routes.on(.get, "/control/sandbox/changes", .administration, use: changes)
    routes.on(.post, "/control/sandbox/requests/{id}/approve", .administration, use: approve)
    routes.on(.post, "/control/sandbox/requests/{id}/deny", .administration, use: deny)
    routes.on(.get, "/control/sandbox/agents", .administration, use: standings)
    routes.on(.put, "/control/sandbox/agents/{agent}/mode", .administration, use: setMode)
    routes.on(.delete, "/control/sandbox/agents/{agent}/permissions", .administration, use: takeBack)
  }

  private struct Listing: Encodable {
    /// Names what this listing shows, for ``ControlPermissionRoutes/changes``.
    let revision: UInt64
    let requests: [ControlPermissionRequest]
  }

  private struct Order: Decodable {
    /// `once`, `session` or `time`.
    var scope: String?
    /// How long, where it is for a time.
    var seconds: Int?
  }

  private struct Outcome: Encodable {
    /// `granted` or `denied`.
    let status: PermissionAnswer
    let request: ControlPermissionRequest
  }

  // MARK: Requests

  private func listing() async throws -> Listing {
    let (revision, requests) = await desk.list()
    // Without a request nobody's name is needed.
    let names = requests.isEmpty ? [:] : try await names()
    return Listing(
      revision: revision, requests: requests.map { ControlPermissionRequest($0, agent: names[$0.agent]) })
  }

  private func names() async throws -> [UUID: String] {
    Dictionary(uniqueKeysWithValues: try await agents.list().map { ($0.id, $0.name) })
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering { try .json(try await listing()) }
  }

  /// Answers once there is another listing than that of `after`, and after a while in any case.
  private func changes(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      await ControlChanges.awaited(by: request) { [desk] in await desk.change(after: $0) }
      return try .json(try await listing())
    }
  }

  private func approve(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self) else { throw ControlFailure.malformed }
      let scope: PermissionScope
      switch (order.scope ?? "once", order.seconds) {
      case ("once", nil): scope = .once
      case ("session", nil): scope = .session
      case ("time", let seconds?): scope = .time(.seconds(min(max(seconds, -1), 1 << 40)))
      default: throw ControlFailure.invalid("It is for once, for the session, or for so many seconds.")
      }
      return try await settle(context, .granted) { try await desk.approve($0, scope) }
    }
  }

  private func deny(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      try await settle(context, .denied) { try await desk.deny($0) }
    }
  }

  private func settle(
    _ context: HostContext, _ answer: PermissionAnswer, _ word: (String) async throws -> PermissionRequest
  ) async throws -> Response {
    let id = context.parameters.get("id")?.removingPercentEncoding ?? ""
    do {
      let request = try await word(id)
      let name = try await agents.find(id: request.agent)?.name
      return try .json(Outcome(status: answer, request: ControlPermissionRequest(request, agent: name)))
    } catch PermissionDeafness.unseen {
      throw ControlFailure(
        status: .conflict, code: "request_unseen",
        message: "Look first at what is asked for: osaurus-host sandbox requests")
    } catch PermissionDeafness.badTime {
      throw ControlFailure.invalid("It is allowed for a second at least, and for a day at most.")
    } catch PermissionDeafness.gone {
      throw ControlFailure(
        status: .notFound, code: "request_not_found",
        message:
          "Nothing waits under '\(VisibleText.escaped(String(id.prefix(100))))' any more; a request waits for ten minutes. See what does: osaurus-host sandbox requests"
      )
    }
  }

  // MARK: Agents

  private struct AgentOrder: Decodable {
    let mode: String
  }

  private struct Standings: Encodable {
    let agents: [ControlPermissionStanding]
  }

  private func standing(of agent: AgentRecord) async throws -> ControlPermissionStanding {
    let held = await desk.held().filter { $0.agent == agent.id }
    return ControlPermissionStanding(
      id: agent.id, name: agent.name, mode: try await modes.permissionMode(of: agent.id),
      permissions: held.map { .init(permission: $0.permission, endsAt: $0.endsAt) })
  }

  private func standings(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      var standings: [ControlPermissionStanding] = []
      for agent in try await agents.list() { standings.append(try await standing(of: agent)) }
      return try .json(Standings(agents: standings))
    }
  }

  private func agent(_ context: HostContext) async throws -> AgentRecord {
    try await agents.find(reference: context.parameters.get("agent")?.removingPercentEncoding ?? "")
  }

  private func setMode(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(AgentOrder.self),
        let mode = PermissionMode(rawValue: order.mode)
      else { throw ControlFailure.invalid("A mode is safe, trusted or dangerous.") }
      let agent = try await agent(context)
      try await audit.append(.mode(mode, of: agent.id))
      try await modes.set(mode.rawValue, of: agent.id)
      return try .json(try await standing(of: agent))
    }
  }

  /// Takes back what an agent was allowed for a while.
  private func takeBack(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let agent = try await agent(context)
      await desk.forget(agent.id)
      try await audit.append(.revoked(from: agent.id))
      return try .json(try await standing(of: agent))
    }
  }
}

/// A command that waits for the owner's word, as the owner sees it.
struct ControlPermissionRequest: Codable, Hashable, Sendable {
  let id: String
  /// Whose command it is; its id where it has no name any more.
  let agent: String
  let agentID: UUID
  /// As the agent wrote it: nothing in it is escaped.
  let command: String
  let permissions: [Permission]
  let needs: [PermissionNeed]
  /// SHA-256 of all of the command, by which an approval once knows it again.
  let digest: String
  let askedAt: Date
  let endsAt: Date

  init(_ request: PermissionRequest, agent name: String?) {
    id = request.id
    agent = name ?? request.agent.uuidString
    agentID = request.agent
    command = request.command
    permissions = request.permissions
    needs = request.needs
    digest = request.digest
    askedAt = request.askedAt
    endsAt = request.endsAt
  }
}

/// How much an agent may do, as the owner sees it.
struct ControlPermissionStanding: Codable, Hashable, Sendable {
  struct Held: Codable, Hashable, Sendable {
    let permission: Permission
    /// nil for as long as the service runs.
    let endsAt: Date?
  }

  let id: UUID
  let name: String
  let mode: PermissionMode
  /// What it was allowed for a while.
  let permissions: [Held]
}

extension PermissionModeStore {
  /// An agent's mode: the most careful one where the owner said nothing, or nothing that is known.
  func permissionMode(of agent: UUID) async throws -> PermissionMode {
    try await mode(of: agent).flatMap(PermissionMode.init) ?? .safe
  }
}
