import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore
import SecureChannel

/// The door that only two ends can see through: opens sessions, takes requests out of their envelopes, hands them
/// to the front door like any other, and seals what comes back. (spec/01, B4 to B6)
struct SecureDoor: Sendable {
  private let limits: HostLimits
  private let sessions: SessionStore
  private let limiter: AttemptLimiter
  private let now: @Sendable () -> Int64
  private let agentKey: @Sendable (Address, Caller.Origin) async throws -> SigningKey?

  /// - Parameters:
  ///   - now: Unix time in seconds.
  ///   - clock: what handshakes are counted by.
  ///   - agentKey: the key of the agent with this address; nil where this host has none for callers from there.
  init(
    limits: HostLimits, now: @escaping @Sendable () -> Int64,
    clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
    agentKey: @escaping @Sendable (Address, Caller.Origin) async throws -> SigningKey?
  ) {
    self.limits = limits
    self.now = now
    self.agentKey = agentKey
    sessions = SessionStore(limit: limits.sessions, limitPerSource: limits.sessionsPerSource)
    limiter = AttemptLimiter(limit: limits.handshakesPerMinute, now: clock)
  }

  // MARK: POST /secure/session

  /// Opens a session for whoever asks; the agent's signature says who answered.
  @Sendable func openSession(_ request: Request, _ context: HostContext) async throws -> Response {
    let source = context.caller.origin.source
    if let source, !limiter.allows(source) {
      return .failure(.tooManyRequests, code: "Too many pairing attempts. Try again shortly.")
    }
    let body = try await request.body.collect(upTo: limits.handshakeBodyBytes)
    do {
      let hello = try body.withUnsafeReadableBytes { text throws(SecureChannelError) in
        try ClientHello(parsing: text)
      }
      guard let agent = hello.agent, let key = try await agentKey(agent, context.caller.origin)
      else {
        throw SecureChannelError.unknownAgent
      }
      let now = now()
      let (answer, session) = try ServerHandshake.accept(
        hello, agentKey: key, now: now, lifetime: limits.sessionLifetime)
      sessions.insert(session, from: source, now: now)
      return .json(bytes: ByteBuffer(bytes: answer.encoded()))
    } catch let error as SecureChannelError {
      return .failure(.init(code: error.wire?.status ?? 400), code: error.description)
    } catch {
      context.logger.error("a handshake failed", metadata: ["error": "\(error)"])
      return .failure(.internalServerError, code: "Failed to establish secure session")
    }
  }

  // MARK: POST /secure/call

  /// Opens an envelope, has what is inside answered, and seals the answer.
  func call(
    _ body: ByteBuffer, of outer: Request, from arrival: Arrival, through door: FrontDoor
  ) async throws -> Response {
    let (opened, agent): (OpenedCall, Address)
    let head: HTTPRequest
    do throws(SecureChannelError) {
      (opened, agent) = try open(body, from: arrival.origin)
      head = try HTTPRequest(opened.request, inside: outer.head)
    } catch {
      return .failure(
        .init(code: error.wire?.status ?? 400), type: "secure_channel_error", code: error.wire?.code,
        message: error.description)
    }
    let inside = Arrival(
      origin: arrival.origin, transport: .secureChannel(agent: agent), localAddress: arrival.localAddress)
    let response = try await door.respond(
      to: head, body: ByteBuffer(bytes: opened.request.body ?? []), from: inside)
    if response.isEventStream || (response.isLineStream && outer.head.acceptsEventStream) {
      return response.sealedAsEvents(by: opened.sealer)
    }
    return try await response.sealedWhole(
      by: opened.sealer, offering: opened.asksForPadding ? Padding.version : nil)
  }

  private func open(
    _ body: ByteBuffer, from origin: Caller.Origin
  ) throws(SecureChannelError) -> (OpenedCall, Address) {
    let call = try body.withUnsafeReadableBytes { text throws(SecureChannelError) in
      try CallRequest(parsing: text)
    }
    let now = now()
    guard let session = sessions.find(call.session, now: now), origin.leads(to: session.agent) else {
      throw .sessionUnknown
    }
    return (try session.open(call, now: now), session.agent)
  }
}

extension HTTPRequest {
  /// What an inner request may not say about itself: the connection is the outer one's, and the rest has a place of
  /// its own.
  private static let reserved: Set<HTTPField.Name> = [
    .accept, .authorization, .connection, .contentLength, .contentType, .expect, .relayOrigin, .te, .trailer,
    .transferEncoding, .upgrade, HTTPField.Name("Host")!, HTTPField.Name("Keep-Alive")!,
    HTTPField.Name(Padding.header)!,
  ]

  /// The head of the request inside an envelope.
  fileprivate init(_ inner: InnerRequest, inside outer: HTTPRequest) throws(SecureChannelError) {
    guard let method = HTTPRequest.Method(inner.method) else { throw .malformedInnerRequest }
    var fields = HTTPFields()
    for (name, value) in inner.headers ?? [:] {
      guard let name = HTTPField.Name(name), HTTPField.isValidValue(value) else {
        throw .malformedInnerRequest
      }
      if !Self.reserved.contains(name) { fields.append(HTTPField(name: name, value: value)) }
    }
    for (name, value) in [
      (HTTPField.Name.authorization, inner.authorization), (.accept, inner.accept),
      (.contentType, inner.contentType),
    ] {
      guard let value else { continue }
      guard HTTPField.isValidValue(value) else { throw .malformedInnerRequest }
      fields[name] = value
    }
    if let body = inner.body { fields[.contentLength] = String(body.count) }
    if fields[.userAgent] == nil { fields[.userAgent] = outer.headerFields[.userAgent] }
    self.init(
      method: method, scheme: outer.scheme, authority: outer.authority, path: inner.path,
      headerFields: fields)
  }

  fileprivate var acceptsEventStream: Bool {
    headerFields[.accept]?.lowercased().contains("text/event-stream") ?? false
  }
}
