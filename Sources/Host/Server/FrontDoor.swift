import HTTPTypes
import Hummingbird
import Identity
import Keyring
import Logging
import NIOCore
import SecureChannel
import Storage

/// How a request came in.
struct Arrival: Hashable, Sendable {
  let origin: Caller.Origin
  var transport = Caller.Transport.plain
  /// This host's own address on the connection, where there is one.
  var localAddress: SourceAddress?
}

/// The one way in. Every request passes here, whether it came over TCP, the control socket, a secure channel or
/// from within: limits, names and origins, who is asking and whether they may, and only then the route.
struct FrontDoor: Sendable {
  let routes: Routes
  let policy: AccessPolicy
  let authentication: Authentication
  let visitors: VisitorRules
  let limits: HostLimits
  let secureDoor: SecureDoor
  /// The address of the agent that a path's `{id}` names; nil where it names none.
  let agentAddress: @Sendable (String) async throws -> Address?
  let logger: Logger

  init(
    routes: Routes, policy: AccessPolicy, authentication: Authentication, visitors: VisitorRules,
    limits: HostLimits, secureDoor: SecureDoor, logger: Logger,
    agentAddress: @escaping @Sendable (String) async throws -> Address?
  ) {
    var routes = routes
    routes.on(.post, "/secure/session", .handshake, use: secureDoor.openSession)
    // Its handler needs this door for what is inside the envelope: see `answer`.
    routes.on(.post, "/secure/call", .envelope) { _, _ in .text("Not Found", status: .notFound) }
    self.routes = routes
    self.policy = policy
    self.authentication = authentication
    self.visitors = visitors
    self.limits = limits
    self.secureDoor = secureDoor
    self.logger = logger
    self.agentAddress = agentAddress
  }

  /// A request that may be answered; only `admit` makes one.
  struct Ticket: DoorTicket {
    fileprivate let head: HTTPRequest
    fileprivate let match: Routes.Match
    fileprivate let routeClass: RouteClass
    fileprivate let arrival: Arrival
    fileprivate let context: HostContext

    /// Whether the request proved who asks; what is inside an envelope is not known yet.
    var isProven: Bool {
      switch context.caller.principal {
      case .owner, .accessKey, .execution: true
      case .anonymous: false
      }
    }
  }

  /// The most bytes that the body of a request to this target may have.
  func bodyLimit(for target: String) -> Int {
    let path = RequestPath.normalised(target)
    let isHandshake =
      path == "/secure/session" || path == "/pair" || path.hasPrefix("/pair-") || path.hasPrefix("/pair/")
    return isHandshake ? limits.handshakeBodyBytes : limits.bodyBytes
  }

  /// Decides on a request by its head alone.
  func admit(_ head: HTTPRequest, from arrival: Arrival) async throws -> DoorAdmission<Ticket> {
    if let refusal = Self.headerRefusal(of: head, limits: limits) { return .answered(refusal) }
    var head = head
    head.headerFields[.relayOrigin] = nil
    // The relay has read what came in the clear, so that proves nothing.
    if arrival.isReadByRelay { head.headerFields[.authorization] = nil }
    let target = head.path ?? ""
    let path = RequestPath.normalised(target)
    head.path = path + (target.firstIndex(of: "?").map { String(target[$0...]) } ?? "")
    if arrival.isOpenToVisitors, let refusal = visitors.refusal(of: head, from: arrival) {
      return .answered(refusal)
    }
    if head.method == .options { return .answered(visitors.preflight(head)) }

    let principal = authentication.principal(
      origin: arrival.origin, authorization: head.headerFields[.authorization])
    let caller = Caller(origin: arrival.origin, transport: arrival.transport, principal: principal)
    if head.method == .head {
      let refusal = policy.decide(headClass(of: path), caller).refusal
      return .answered(refusal ?? Response(status: .noContent))
    }
    guard let match = routes.match(head.method, path) else {
      return .answered(missingRoute(path, caller))
    }
    let (routeClass, decision) = try await decide(match, caller)
    if let refusal = decision.refusal { return .answered(refusal) }
    var context = HostContext(source: .init(caller: caller, logger: logger))
    context.coreContext.parameters = match.parameters
    return .admitted(
      Ticket(head: head, match: match, routeClass: routeClass, arrival: arrival, context: context))
  }

  /// Answers an admitted request. Throws only `CancellationError`, when nobody waits for the answer any more.
  func answer(_ ticket: Ticket, body: ByteBuffer) async throws -> Response {
    if body.withUnsafeReadableBytes({ JSONDepth.exceeds(limits.jsonDepth, in: $0) }) {
      return .failure(
        .badRequest, type: "invalid_request_error",
        message: "JSON nests deeper than \(limits.jsonDepth) levels")
    }
    let request = Request(head: ticket.head, body: RequestBody(buffer: body))
    let caller = ticket.context.caller
    do {
      let response =
        switch ticket.routeClass {
        case .envelope:
          try await secureDoor.call(body, of: request, from: ticket.arrival, through: self)
        case .greeting, .publicInformation, .handshake, .pairing, .redemption, .catalogue, .inference,
          .agentCatalogue, .agentDetails, .agentRun, .agentInBody, .administration, .sandboxService,
          .unknown:
          try await whileKeyHolds(for: caller) {
            try await ticket.match.route.handler(request, ticket.context)
          }
        }
      return whileKeyHolds(response, for: caller)
    } catch {
      if !Task.isCancelled, let refusal = revocation(of: caller) { return refusal }
      if let error = error as? any HTTPResponseError {
        return try error.response(from: request, context: ticket.context)
      }
      if error is CancellationError || Task.isCancelled { throw CancellationError() }
      logger.error("a route failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      if DiskRefusal(error) != nil { return RequestFailure(error).response }
      return .failure(.internalServerError, type: "internal_error", message: "Internal server error")
    }
  }

  /// Runs what makes an answer, and stops it as soon as the caller's key is revoked: nobody has to wait for the end of
  /// what will not be given.
  private func whileKeyHolds(
    for caller: Caller, _ make: @escaping @Sendable () async throws -> Response
  ) async throws -> Response {
    guard case .accessKey(let key) = caller.principal else { return try await make() }
    let making = Task(operation: make)
    let held = authentication.validator.hold(key) { making.cancel() }
    defer { withExtendedLifetime(held) {} }
    return try await withTaskCancellationHandler {
      try await making.value
    } onCancel: {
      making.cancel()
    }
  }

  /// What a caller is told whose key is good no more; nil for everybody else.
  private func revocation(of caller: Caller) -> Response? {
    guard case .accessKey(let key) = caller.principal, !authentication.validator.value.stillAccepts(key)
    else { return nil }
    return Decision.unauthenticated(.revoked).refusal
  }

  /// The answer, unless the caller's key was revoked while it was made. One that streams is cut where that happens
  /// before its end.
  private func whileKeyHolds(_ response: Response, for caller: Caller) -> Response {
    if let refusal = revocation(of: caller) { return refusal }
    guard case .accessKey(let key) = caller.principal else { return response }
    guard response.body.contentLength == nil, let watch = CallerWatch.current else { return response }
    return response.holding(authentication.validator.hold(key) { watch.callerLeft() })
  }

  /// Takes and answers a request whose body is here already: from a secure channel, or from within.
  func respond(to head: HTTPRequest, body: ByteBuffer, from arrival: Arrival) async throws -> Response {
    let limit = bodyLimit(for: head.path ?? "")
    if body.readableBytes > limit { return .tooLarge(UInt64(body.readableBytes), limit: limit) }
    switch try await admit(head, from: arrival) {
    case .admitted(let ticket): return try await answer(ticket, body: body)
    case .answered(let response): return response
    }
  }

  /// Decides by what is known without looking anything up, which is enough to refuse a stranger; what an
  /// agent's own key may do depends on which agent the path names.
  private func decide(_ match: Routes.Match, _ caller: Caller) async throws -> (RouteClass, Decision) {
    let initial = match.route.initialClass
    let decision = policy.decide(initial, caller)
    guard decision == .scopeDenied, case .agent(let parameter, let make) = match.route.kind,
      let name = match.parameters.get(parameter), let agent = try await agentAddress(name)
    else { return (initial, decision) }
    return (make(agent), policy.decide(make(agent), caller))
  }

  /// What `HEAD` is decided as: public where the path is, else anything that needs a key.
  private func headClass(of path: String) -> RouteClass {
    guard let match = routes.match(path: path) else { return .catalogue }
    switch match.route.initialClass {
    case .greeting: return .greeting
    case .publicInformation, .handshake, .pairing, .redemption, .envelope: return .publicInformation
    case .catalogue, .inference, .agentCatalogue, .agentDetails, .agentRun, .agentInBody, .administration,
      .sandboxService, .unknown:
      return .catalogue
    }
  }

  /// A path without a route, or without one of this method. Strangers are told about public paths only.
  private func missingRoute(_ path: String, _ caller: Caller) -> Response {
    let isPublic = routes.match(path: path).map { policy.decide($0.route.initialClass, caller) == .allow }
    let decision = isPublic == true ? .notFound : policy.decide(.unknown, caller)
    return decision.refusal ?? .text("Not Found", status: .notFound)
  }

  private static func headerRefusal(of head: HTTPRequest, limits: HostLimits) -> Response? {
    var bytes = head.path?.utf8.count ?? 0
    for field in head.headerFields { bytes += field.name.rawName.utf8.count + field.value.utf8.count }
    return head.headerFields.count > limits.headerFields || bytes > limits.headerBytes
      ? .headersTooLarge : nil
  }
}

extension Arrival {
  /// Whether a web page could have caused this request, so that names and origins have to be looked at.
  var isOpenToVisitors: Bool {
    switch (transport, origin) {
    case (.plain, .loopback), (.plain, .network), (.plain, .relay): true
    case (.plain, .control), (.plain, .inProcess), (.plain, .sandbox), (.secureChannel, _): false
    }
  }

  /// Whether it came through a relay, outside of a channel.
  fileprivate var isReadByRelay: Bool {
    switch transport {
    case .plain: origin.isRelayed
    case .secureChannel: false
    }
  }
}

extension Response {
  /// The same, keeping something until the body is written.
  fileprivate func holding(_ held: HeldKey) -> Response {
    var response = self
    let body = body
    response.body = ResponseBody { writer in
      try await body.write(writer)
      withExtendedLifetime(held) {}
    }
    return response
  }
}

extension HTTPField.Name {
  /// Marks requests that a relay carried. Only this host's own relay client may say so.
  static let relayOrigin = HTTPField.Name("X-Osaurus-Relay-Origin")!
}

extension Response {
  static var headersTooLarge: Response {
    .failure(
      .requestHeaderFieldsTooLarge, type: "request_header_fields_too_large",
      message: "Request header fields too large")
  }

  static func tooLarge(_ count: UInt64, limit: Int) -> Response {
    .failure(
      .contentTooLarge, type: "payload_too_large",
      message: "Request body too large (\(count) > \(limit) bytes)")
  }
}
