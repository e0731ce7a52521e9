import Foundation
import HTTPTypes
import Hummingbird
import Identity
import SecretMemory
import Stores

/// The owner's orders about invites. A link is in the answers to making and to showing one that is open, and nowhere
/// else.
struct ControlInviteRoutes: RouteGroup {
  let master: MasterKey
  let agents: AgentStore
  let invites: InviteStore
  let access: HostAccess
  let place: InvitePlace

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/invites", .administration, use: list)
    routes.on(.post, "/control/invites", .administration, use: create)
    routes.on(.get, "/control/invites/{id}", .administration, use: show)
    routes.on(.post, "/control/invites/{id}/revoke", .administration, use: revoke)
  }

  private struct Listing: Encodable {
    let invites: [ControlInvite]
  }

  private struct Order: Decodable {
    /// A name, an address or a UUID.
    var agent: String?
    /// How long it holds, such as `24h`.
    var expires: String?
    var url: String?
    /// Whether it has to lead through the relay.
    var relay: Bool?
    var label: String?
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try .json(Listing(invites: await invites.list().map { ControlInvite($0) }))
  }

  private func create(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(Order.self), let reference = order.agent else {
        throw ControlFailure.invalid("An invite is to one agent; name it.")
      }
      let agent = try await agents.find(reference: reference)
      guard let index = agent.keyIndex else {
        throw ControlFailure.invalid("This agent has no key of its own.")
      }
      guard let seconds = InviteLifetime.seconds(order.expires ?? "24h") else {
        throw ControlFailure.invalid(InviteLifetime.rule)
      }
      let label = try order.label.map { try AccessKeyLabel($0).text }
      let (url, noteOnPlace) = try await place.url(
        order.url, for: agent.address, viaRelay: order.relay ?? false)
      let note =
        agent.isExposed
        ? noteOnPlace
        : "Other machines cannot reach \(agent.name), which is not exposed; they cannot use this invite either."
      let now = Date()
      do {
        let invite = try Self.invite(
          to: agent, by: try master.agentKey(index), url: url,
          expiresAt: Int64(now.timeIntervalSince1970) + seconds)
        let record = try await invites.add(invite, label: label, now: now)
        return try .json(ControlInvite(record, link: invite.link, note: note), status: .created)
      } catch let refusal as InviteRefusal {
        throw ControlFailure.invalid(
          refusal == .malformed(.url) ? InvitePlace.rule : refusal.description)
      }
    }
  }

  private func show(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let record = try await invite(of: context)
      return try .json(ControlInvite(record, link: try await link(of: record)))
    }
  }

  private func revoke(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let revoked = try await invites.revoke(try await invite(of: context).id)
      try await access.refresh()
      return try .json(ControlInvite(revoked))
    }
  }

  /// The invite with an id, or with the first eight digits of one.
  private func invite(of context: HostContext) async throws -> InviteRecord {
    let reference = context.parameters.get("id")?.removingPercentEncoding?.uppercased() ?? ""
    let named = try await invites.list().filter { invite in
      invite.id.uuidString == reference || invite.id.uuidString.prefix(8) == reference
    }
    guard let invite = named.first, named.count == 1 else {
      throw StoresError.noSuchInvite(String(reference.prefix(100)))
    }
    return invite
  }

  /// The link of an invite that can still be redeemed, made again.
  private func link(of record: InviteRecord) async throws -> String? {
    guard record.status(now: Date()) == .open, let nonce = InviteNonce(record.nonce),
      let index = try await agents.find(address: record.agent)?.keyIndex
    else { return nil }
    let details = try InviteDetails(name: record.name, description: record.description, url: record.url)
    return Invite.make(
      by: try master.agentKey(index), details, expiresAt: Int64(record.expiresAt.timeIntervalSince1970),
      nonce: nonce
    ).link
  }

  /// The longest link whose QR code a terminal of 80 columns has room for: what version 15 holds at the lowest level of
  /// correction.
  private static let shortLink = 520

  /// An invite with the agent's description, or without it where that makes the link too long.
  private static func invite(
    to agent: AgentRecord, by key: SigningKey, url: String, expiresAt: Int64
  ) throws(InviteRefusal) -> Invite {
    func make(_ description: String?) throws(InviteRefusal) -> Invite {
      Invite.make(
        by: key, try InviteDetails(name: agent.name, description: description, url: url),
        expiresAt: expiresAt, random: RandomBytes.make(InviteNonce.randomCount))
    }
    let plain = try make(nil)
    guard !agent.description.isEmpty, agent.description.utf8.count < shortLink else { return plain }
    let whole = try make(agent.description)
    return whole.link.utf8.count <= shortLink ? whole : plain
  }
}

/// How long an invite holds.
enum InviteLifetime {
  static let rule =
    "An invite holds for 1 minute to 30 days, written as a number and m, h or d, such as 30m, 24h or 7d."

  /// The seconds of `30m`, `24h` or `7d`; nil for anything else.
  static func seconds(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), text.utf8.count <= 8,
      text.dropLast().utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
      let number = Int64(text.dropLast()), 60...30 * 86_400 ~= number * unit
    else { return nil }
    return number * unit
  }
}

/// An invite as its owner sees it.
struct ControlInvite: Codable, Hashable, Sendable {
  let id: UUID
  let status: InviteRecord.Status
  let agent: String
  let agentAddress: Address
  let label: String?
  let url: String
  let createdAt: Date
  let expiresAt: Date
  let redeemedAt: Date?
  let redeemedFrom: String?
  /// The access key that came of it.
  let key: UUID?
  let revokedAt: Date?
  /// The secret itself.
  let link: String?
  /// What the owner should know of the URL.
  let note: String?

  init(_ record: InviteRecord, link: String? = nil, note: String? = nil) {
    id = record.id
    status = record.status(now: Date())
    agent = record.name
    agentAddress = record.agent
    label = record.label
    url = record.url
    createdAt = record.createdAt
    expiresAt = record.expiresAt
    redeemedAt = record.redeemedAt
    redeemedFrom = record.redeemedFrom
    key = record.keyId
    revokedAt = record.revokedAt
    self.link = link
    self.note = note
  }
}
