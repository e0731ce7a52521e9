import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore
import SecureChannel

/// The way in for code in sandboxes. Who asks is told by the pass, and by the socket that it came by, and by nothing that a
/// request says of itself.
struct BridgeDoor: Door {
  static let prefix = "/api"

  let routes: Routes
  let policy: AccessPolicy
  let passes: BridgePasses
  let rates: BridgeRates
  let limits: HostLimits
  let logger: Logger
  /// The address of an agent of this host.
  let address: @Sendable (UUID) -> Address?

  init(
    routes: Routes, policy: AccessPolicy, passes: BridgePasses, rates: BridgeRates = BridgeRates(),
    limits: HostLimits = Self.limits, logger: Logger, address: @escaping @Sendable (UUID) -> Address?
  ) {
    self.routes = routes
    self.policy = policy
    self.passes = passes
    self.rates = rates
    self.limits = limits
    self.logger = logger
    self.address = address
  }

  /// How much is taken from sandboxes.
  static let limits: HostLimits = {
    var limits = HostLimits()
    limits.headerFields = 64
    limits.headerBytes = 32 << 10
    limits.bodyBytes = 8 << 20
    limits.heldBodyBytes = 64 << 20
    limits.connections = 32
    limits.connectionsPerSource = 32
    return limits
  }()

  struct Ticket: DoorTicket {
    fileprivate let head: HTTPRequest
    fileprivate let match: Routes.Match
    fileprivate let context: HostContext
    fileprivate let execution: SandboxExecution
    // Only who has shown a pass gets one.
    var isProven: Bool { true }
  }

  func bodyLimit(for target: String) -> Int { limits.bodyBytes }

  func headers(of response: Response, to request: HTTPRequest?) -> HTTPFields {
    var fields = response.headers
    fields[.cacheControl] = "no-store"
    return fields
  }

  func refusal(of fault: ConnectionFault) -> Response {
    let failure =
      switch fault {
      case .malformed: BridgeFailure(.badRequest, "Bad Request")
      case .timedOut: BridgeFailure(.requestTimeout, "Request Timeout")
      case .headersTooLarge: BridgeFailure(.requestHeaderFieldsTooLarge, "Request header fields too large")
      case .tooLarge(let count, let limit):
        BridgeFailure(.contentTooLarge, "Request body too large (\(count) > \(limit) bytes)")
      case .overloaded:
        BridgeFailure(.serviceUnavailable, "The host is holding too many requests.", retryAfter: 1)
      }
    return failure.response
  }

  func admit(_ head: HTTPRequest, from arrival: Arrival) async throws -> DoorAdmission<Ticket> {
    do throws(BridgeFailure) {
      return .admitted(try ticket(for: head, from: arrival))
    } catch {
      return .answered(error.response)
    }
  }

  private func ticket(for head: HTTPRequest, from arrival: Arrival) throws(BridgeFailure) -> Ticket {
    let principal = principal(of: head, from: arrival.origin)
    let caller = Caller(origin: arrival.origin, transport: arrival.transport, principal: principal)
    // Strangers are told nothing of what there is.
    if let refusal = BridgeFailure(policy.decide(.sandboxService(agent: nil), caller)) { throw refusal }
    guard case .execution(let execution) = principal else { throw .notFound("Not Found") }

    let target = (head.path ?? "").prefix { $0 != "?" }
    let service = target.dropFirst(Self.prefix.count)
    guard target.hasPrefix(Self.prefix + "/") else { throw .unknownService(target.dropFirst()) }
    guard let match = routes.match(head.method, String(service)) else {
      if routes.match(path: String(service)) != nil { throw .methodNotAllowed }
      throw .unknownService(service.dropFirst())
    }
    if let refusal = BridgeFailure(policy.decide(match.route.initialClass, caller)) { throw refusal }
    try rates.count(BridgeService(path: service), of: execution.agent)
    var context = HostContext(source: .init(caller: caller, logger: logger))
    context.coreContext.parameters = match.parameters
    return Ticket(head: head, match: match, context: context, execution: execution)
  }

  /// What a request proves. The scheme may be written in any case.
  private func principal(of head: HTTPRequest, from origin: Caller.Origin) -> Caller.Principal {
    guard case .sandbox(let agent) = origin, let value = head.headerFields[.authorization] else {
      return .anonymous(.unknownPass)
    }
    let parts = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer",
      let execution = passes.execution(showing: parts[1], at: agent)
    else { return .anonymous(.unknownPass) }
    return .execution(execution)
  }

  func answer(_ ticket: Ticket, body: ByteBuffer) async throws -> Response {
    do {
      // It may have ended while its body came.
      guard passes.holds(ticket.execution) else {
        throw BridgeFailure(.unauthorized, AuthenticationRefusal.unknownPass.message)
      }
      try check(body, ticket)
      return try await ticket.match.route.handler(
        Request(head: ticket.head, body: RequestBody(buffer: body)), ticket.context)
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      if Task.isCancelled { throw CancellationError() }
      let failure = BridgeFailure(error)
      if failure.status.code == 500 {
        logger.error(
          "a call from a sandbox failed",
          metadata: [
            "agent": "\(ticket.execution.agent)", "path": "\(ticket.head.path ?? "")", "error": "\(error)",
          ]
        )
      }
      return failure.response
    }
  }

  /// Refuses a body that nests too deep for a decoder, and one that speaks for another agent.
  private func check(_ body: ByteBuffer, _ ticket: Ticket) throws(BridgeFailure) {
    guard body.readableBytes > 0 else { return }
    guard !body.withUnsafeReadableBytes({ JSONDepth.exceeds(limits.jsonDepth, in: $0) }) else {
      throw .invalid("JSON nests deeper than \(limits.jsonDepth) levels")
    }
    let named = body.withUnsafeReadableBytes { bytes in
      try? JSONDecoder().decode(NamedAgent.self, from: Data(bytes)).agentID
    }
    guard let named else { return }
    let route = RouteClass.sandboxService(agent: self.agent(named: named, to: ticket.execution.agent))
    if let refusal = BridgeFailure(policy.decide(route, ticket.context.caller)) { throw refusal }
  }

  private struct NamedAgent: Decodable {
    let agentID: String?

    enum CodingKeys: String, CodingKey { case agentID = "agent_id" }
  }

  /// Which agent a body names: the caller's own, by its id or address, or some other.
  private func agent(named name: String, to own: UUID) -> UUID {
    if UUID(uuidString: name) == own { return own }
    if let named = Address(ignoringChecksum: name), named == address(own) { return own }
    return UUID(uuidString: name) ?? UUID()
  }
}
