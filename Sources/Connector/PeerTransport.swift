import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import SecureChannel

/// The plain HTTP below the channel: two routes, bounded in size and time. It never repeats a request.
struct PeerTransport: Sendable {
  let peer: Peer
  let client: HTTPClient
  let limits: PeerLimits

  /// Whether an answer comes as server-sent events.
  static func isEventStream(_ response: HTTPClientResponse) -> Bool {
    response.headers.first(name: "content-type")?.lowercased().hasPrefix("text/event-stream") ?? false
  }

  // MARK: The handshake

  /// Opens a session with the pinned agent.
  /// - Parameter now: the time at the end of the exchange, in Unix seconds.
  func openSession(now: @Sendable () -> Int64) async throws -> ClientSession {
    let handshake = ClientHandshake(with: peer.address)
    let request = request("/secure/session", handshake.hello.encoded(), accept: "application/json")
    let answer: (response: HTTPClientResponse, body: ByteBuffer)
    do {
      answer = try await TimeLimit.run(limits.handshake) {
        let response = try await client.execute(request, deadline: .distantFuture)
        try checkHistory(of: response)
        let limit = response.status == .ok ? limits.handshakeBytes : limits.refusalBytes
        let body = try await BodyReader(response.body).collect(upTo: limit, silence: limits.handshake)
        return (response, body)
      }
    } catch {
      switch error {
      case is CancellationError: throw error
      case let error as ConnectorError: throw error
      case is TimeLimit.Exceeded: throw ConnectorError.handshakeTimedOut(url: peer.base)
      case is NIOTooManyBytesError: throw ConnectorError.badHandshake
      default:
        throw Task.isCancelled ? CancellationError() : ConnectorError.unreachable(url: peer.base)
      }
    }
    let bytes = Array(buffer: answer.body)
    guard answer.response.status == .ok else { throw handshakeRefusal(answer.response, bytes) }
    do {
      let hello = try bytes.withUnsafeBytes { try ServerHello(parsing: $0) }
      return try handshake.finish(hello, now: now())
    } catch let error as SecureChannelError {
      throw ConnectorError(error)
    }
  }

  private func handshakeRefusal(_ response: HTTPClientResponse, _ body: [UInt8]) -> ConnectorError {
    switch response.status.code {
    case 300..<400: .redirected(url: peer.base)
    case 404: .noSuchAgent(peer.address)
    case 429: .tooManyHandshakes
    default: .rejected(Refusal(status: Int(response.status.code), body: body))
    }
  }

  // MARK: A call

  /// Sends a sealed call and waits for the head of the answer.
  func call(_ body: [UInt8], accept: String) async throws -> HTTPClientResponse {
    let request = request("/secure/call", body, accept: accept)
    do {
      let response = try await TimeLimit.run(limits.answer) {
        try await client.execute(request, deadline: .distantFuture)
      }
      try checkHistory(of: response)
      return response
    } catch {
      throw told(error, patience: limits.answer)
    }
  }

  /// The whole body of an answer.
  func collect(_ response: HTTPClientResponse) async throws -> [UInt8] {
    do {
      let body = try await BodyReader(response.body).collect(
        upTo: limits.answerBytes, silence: limits.silence)
      return Array(buffer: body)
    } catch {
      throw told(error, patience: limits.silence)
    }
  }

  /// Why a call was rejected outside of the channel.
  func refusal(_ response: HTTPClientResponse) async throws -> Refusal {
    do {
      let body = try await BodyReader(response.body).collect(
        upTo: limits.refusalBytes, silence: limits.handshake)
      return Refusal(status: Int(response.status.code), body: Array(buffer: body))
    } catch {
      if Task.isCancelled { throw CancellationError() }
      return Refusal(status: Int(response.status.code), body: [])
    }
  }

  /// What a rejection of a call means.
  func error(_ refusal: Refusal) -> ConnectorError {
    switch refusal.status {
    case 300..<400: .redirected(url: peer.base)
    case 409 where refusal.code == "secure_replay": .replayed
    case 426: .upgradeRequired
    case 429, 503: .busy
    default: .rejected(refusal)
    }
  }

  // MARK: Both

  private func request(_ path: String, _ body: [UInt8], accept: String) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: peer.base + path)
    request.method = .POST
    request.headers.add(name: "Content-Type", value: "application/json")
    request.headers.add(name: "Accept", value: accept)
    request.headers.add(name: "User-Agent", value: "osaurus-host")
    request.body = .bytes(ByteBuffer(bytes: body))
    return request
  }

  /// Refuses an answer that came from somewhere else, should the client have followed it there.
  private func checkHistory(of response: HTTPClientResponse) throws(ConnectorError) {
    if response.history.count > 1 { throw .redirected(url: peer.base) }
  }

  /// An error of the client library in this target's words. What is not known to have failed before the call was
  /// sent counts as sent.
  private func told(_ error: any Error, patience: Duration) -> any Error {
    if Task.isCancelled { return CancellationError() }
    switch error {
    case is ConnectorError, is CancellationError: return error
    case is TimeLimit.Exceeded: return ConnectorError.silent(seconds: Int(patience.components.seconds))
    case is NIOTooManyBytesError: return ConnectorError.answerTooLarge
    case is NIOConnectionError: return ConnectorError.unreachable(url: peer.base)
    case let error as HTTPClientError
    where [.connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout].contains(error):
      return ConnectorError.unreachable(url: peer.base)
    default: return ConnectorError.lost
    }
  }
}

extension ConnectorError {
  static func rejected(_ refusal: Refusal) -> ConnectorError {
    .rejected(status: refusal.status, code: refusal.code, message: refusal.message)
  }

  /// What a refusal of the channel means to whoever asked.
  init(_ error: SecureChannelError) {
    self =
      switch error {
      case .identityMismatch(let expected, let actual): .wrongSigner(pinned: expected, actual: actual)
      case .unreasonableExpiry: .clockMismatch
      case .streamTruncated: .streamTruncated
      case .decryptionFailed, .malformedFrame, .alreadyFinished, .replayed: .tampered
      case .invalidServerHello, .unsupportedVersion, .invalidHandshake, .malformedHandshake, .unknownAgent,
        .malformedCall, .malformedInnerRequest, .sessionUnknown:
        .badHandshake
      }
  }
}
