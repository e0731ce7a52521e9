public import AsyncHTTPClient
import Foundation
import Identity
import SecureChannel

/// A whole answer.
public struct PeerAnswer: Hashable, Sendable {
  public let status: Int
  public let contentType: String?
  public let body: [UInt8]
}

/// Asks one peer through the secure channel, and in no other way.
///
/// A session is opened when it is needed, once for all who need it, and only with the pinned agent; it is renewed
/// before it ends. A call is sent once. The one exception is the answer that the session is not known: a peer that says
/// so has not opened the call, so a new session is opened and the call sealed anew, once. That answer is not
/// authenticated: somebody in between who lets a call through and forges it makes the call run twice, and not more than
/// that. A relay always is in between, so through one only what changes nothing is sent again: a GET or HEAD. Whatever else
/// goes wrong is an error, for the call may have run. (spec/01, B7)
///
/// A peer may be at two places: on this network, and behind a relay. The first is tried first, for a few seconds; whoever
/// answers at either has to be the pinned agent. A place that cannot be reached any more is left before a call is sent,
/// and never after.
public actor PeerClient {
  private let peer: Peer
  private let key: PeerKey
  private let transports: [PeerTransport]
  /// Which of these are behind a relay.
  private let isRelayed: [Bool]
  private let limits: PeerLimits
  private let now: @Sendable () -> Int64
  private let onHandshake: @Sendable (Peer.Handshake) -> Void

  private let places = SendingPlaces(32)

  /// A session, and the place where it was opened.
  private struct Opened {
    let session: ClientSession
    let handshake: Peer.Handshake
    let place: Int
    let since: Int64
    /// Whether the peer pads, and is to.
    let isPadded: Bool
  }

  private var current: Opened?
  /// The handshake that is under way; its number tells it from one that was given up.
  private var opening: (task: Task<Void, Never>, number: Int)?
  private var waiting: [Int: CheckedContinuation<Opened, any Error>] = [:]
  private var lastNumber = 0

  /// - Parameters:
  ///   - client: a client from `HTTPClient.forPeers()`, which stays the caller's to shut down.
  ///   - onHandshake: told of every new session.
  public init(
    peer: Peer, key: PeerKey, client: HTTPClient,
    onHandshake: @escaping @Sendable (Peer.Handshake) -> Void = { _ in }
  ) {
    self.init(
      peer: peer, key: key, client: client, limits: PeerLimits(),
      now: { Int64(Date().timeIntervalSince1970) }, onHandshake: onHandshake)
  }

  /// - Parameter now: the time, in Unix seconds.
  init(
    peer: Peer, key: PeerKey, client: HTTPClient, limits: PeerLimits, now: @escaping @Sendable () -> Int64,
    onHandshake: @escaping @Sendable (Peer.Handshake) -> Void = { _ in }
  ) {
    self.peer = peer
    self.key = key
    self.limits = limits
    self.now = now
    self.onHandshake = onHandshake
    isRelayed = peer.bases.enumerated().map { $0 > 0 || Peer.isRelayed($1, to: peer.address) }
    transports = peer.bases.map {
      PeerTransport(base: $0, address: peer.address, client: client, limits: limits)
    }
  }

  // MARK: What the key is for

  /// The agent that the key is for, where it is for one; the pinned one, for it opens no other.
  nonisolated var onlyAgent: Address? {
    key.isFor(peer.address) ? peer.address : nil
  }

  /// The pinned agent's id at the peer, where that is known.
  nonisolated var agentID: UUID? { peer.agentID }

  // MARK: Asking

  /// Opens a session if there is none.
  /// - Returns: The proof of the session that there is now.
  /// - Throws: ``ConnectorError`` or `CancellationError`.
  public func handshake() async throws -> Peer.Handshake {
    try await session().handshake
  }

  /// Sends a request and waits for the whole answer, whatever its status is.
  /// - Parameter path: the route inside the channel, with its query; begins with `/`.
  /// - Throws: ``ConnectorError`` or `CancellationError`.
  public func send(_ method: String, _ path: String, body: [UInt8]?) async throws -> PeerAnswer {
    var (response, opener) = try await call(method, path, body, accept: "application/json")
    if response.isEventStream { return try await collectStream(response, opener) }
    return try await openWhole(response, &opener)
  }

  /// Sends a request and streams the answer.
  /// - Parameter path: the route inside the channel, with its query; begins with `/`.
  /// - Throws: ``ConnectorError/refused(status:code:message:)`` when the peer answered in one piece, any other
  ///   ``ConnectorError``, or `CancellationError`.
  public func stream(_ method: String, _ path: String, body: [UInt8]?) async throws -> PeerStream {
    var (response, opener) = try await call(method, path, body, accept: "text/event-stream")
    if response.isEventStream {
      return PeerStream(FrameReader(response, opener: opener, limits: limits))
    }
    let answer = try await openWhole(response, &opener)
    let refusal = Refusal(status: answer.status, body: answer.body, redact: key.redact)
    let message =
      answer.status < 300 ? "it answered in one piece, although a stream was asked for" : refusal.message
    throw ConnectorError.refused(status: answer.status, code: refusal.code, message: message)
  }

  /// Sends what another program asked, with this client's key, and gives back whatever comes, as it comes.
  /// - Throws: ``ConnectorError`` or `CancellationError`.
  public func forward(_ request: ForwardedRequest) async throws -> ForwardedAnswer {
    let inner = key.withAuthorization { authorization in
      InnerRequest(
        method: request.method, path: request.path, authorization: authorization, accept: request.accept,
        contentType: request.contentType, headers: request.headers.isEmpty ? nil : request.headers,
        body: request.body)
    }
    // Outside of the channel every kind of stream is one of events.
    var (response, opener) = try await call(inner, accept: "text/event-stream")
    if response.isEventStream {
      return .stream(PeerStream(FrameReader(response, opener: opener, limits: limits)))
    }
    return .whole(try await openWhole(response, &opener))
  }

  private func call(
    _ method: String, _ path: String, _ body: [UInt8]?, accept: String
  ) async throws -> (PeerResponse, ResponseOpener) {
    let request = key.withAuthorization { authorization in
      InnerRequest(
        method: method, path: path, authorization: authorization, accept: accept,
        contentType: body == nil ? nil : "application/json", body: body)
    }
    return try await call(request, accept: accept)
  }

  /// Seals and sends a request, and gives the head of a good answer with what opens the rest.
  private func call(
    _ request: InnerRequest, accept: String
  ) async throws -> (PeerResponse, ResponseOpener) {
    var (isRepeated, isMoved) = (false, false)
    while true {
      let opened = try await session()
      let transport = transports[opened.place]
      let (response, opener): (PeerResponse, ResponseOpener)
      do {
        (response, opener) = try await places.use {
          let (sealed, opener) = opened.session.seal(request, isPadded: opened.isPadded)
          return (try await transport.call(sealed, accept: accept), opener)
        }
      } catch let error as ConnectorError {
        if error.isAboutTheWay { leave(opened) }
        // No connection was made, so nothing was sent, and another place may do.
        guard case .unreachable = error, transports.count > 1, !isMoved else { throw error }
        isMoved = true
        continue
      }
      if response.status == 200 { return (response, opener) }
      let refusal = try await transport.refusal(response)
      let isUnknown = refusal.status == 401 && refusal.code == "secure_session_unknown"
      if isUnknown { forget(opened) } else if 502...504 ~= refusal.status { leave(opened) }
      guard !isRepeated, isUnknown, !isRelayed[opened.place] || ["GET", "HEAD"].contains(request.method)
      else { throw transport.error(refusal) }
      isRepeated = true
    }
  }

  /// The next call looks for the peer anew, where it may be somewhere else.
  private func leave(_ opened: Opened) {
    if transports.count > 1 { forget(opened) }
  }

  private func forget(_ opened: Opened) {
    if current?.session === opened.session { current = nil }
  }

  private func openWhole(
    _ response: PeerResponse, _ opener: inout ResponseOpener
  ) async throws -> PeerAnswer {
    let frame = try await transports[0].collect(response)
    do {
      let inner = try frame.withUnsafeBytes { try opener.openBuffered($0) }
      return PeerAnswer(status: inner.status, contentType: inner.contentType, body: inner.body ?? [])
    } catch let error as SecureChannelError {
      throw ConnectorError(error)
    }
  }

  /// A stream where one piece was asked for: its head is not authenticated, its body and end are.
  private func collectStream(
    _ response: PeerResponse, _ opener: ResponseOpener
  ) async throws -> PeerAnswer {
    var body: [UInt8] = []
    for try await piece in PeerStream(FrameReader(response, opener: opener, limits: limits)) {
      guard body.count + piece.count <= limits.answerBytes else { throw ConnectorError.answerTooLarge }
      body += piece
    }
    return PeerAnswer(status: 200, contentType: "text/event-stream", body: body)
  }

  // MARK: Sessions

  private var date: Date { Date(timeIntervalSince1970: TimeInterval(now())) }

  /// How many callers wait for a handshake.
  var waitingCount: Int { waiting.count }

  /// The session that there is, or a new one.
  private func session() async throws -> Opened {
    if let current, now() + limits.renewal < current.session.expiresAt,
      current.place == 0 || now() - current.since < limits.detour
    {
      return current
    }
    current = nil
    lastNumber += 1
    let ticket = lastNumber
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
          return
        }
        waiting[ticket] = continuation
        if opening == nil { opening = (Task { await self.open(number: ticket) }, ticket) }
      }
    } onCancel: {
      Task { await self.leave(ticket) }
    }
  }

  private func open(number: Int) async {
    let result: Result<Opened, any Error>
    do {
      result = .success(try await openSomewhere())
    } catch {
      result = .failure(error)
    }
    guard opening?.number == number else { return }
    opening = nil
    if case .success(let opened) = result {
      current = opened
      onHandshake(opened.handshake)
    }
    let waiting = waiting
    self.waiting = [:]
    for continuation in waiting.values { continuation.resume(with: result) }
  }

  /// Opens a session at the first place where the pinned agent answers. That somebody else did is what is told, where
  /// nobody did better.
  private func openSomewhere() async throws -> Opened {
    var strange: ConnectorError?
    for (place, transport) in transports.enumerated() {
      let isLast = place == transports.count - 1
      let patience = isLast ? limits.handshake : min(limits.handshake, limits.handshakeBeforeNext)
      do {
        let session = try await transport.openSession(within: patience, now: now)
        if peer.isPadded, try await !transport.offersPadding(session, within: limits.handshake) {
          throw ConnectorError.noPadding
        }
        let handshake = Peer.Handshake(signer: session.agent, at: date)
        return Opened(
          session: session, handshake: handshake, place: place, since: now(), isPadded: peer.isPadded)
      } catch let error as ConnectorError {
        if case .wrongSigner = error { strange = strange ?? error }
        if isLast { throw strange ?? error }
      }
    }
    throw CancellationError()
  }

  /// Where the session was opened that there is; nil without one.
  public var base: String? { current.map { transports[$0.place].base } }

  /// A caller no longer waits. The last one to leave stops the handshake.
  private func leave(_ ticket: Int) {
    guard let continuation = waiting.removeValue(forKey: ticket) else { return }
    continuation.resume(throwing: CancellationError())
    if waiting.isEmpty {
      opening?.task.cancel()
      opening = nil
    }
  }
}
