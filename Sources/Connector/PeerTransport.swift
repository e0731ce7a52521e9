import AsyncHTTPClient
import Identity
import NIOCore
import NIOHTTP1
import NIOPosix
import SecureChannel

/// The plain HTTP below the channel to one place: two routes, bounded in size and time. It never repeats a request.
struct PeerTransport: Sendable {
  /// What routes are appended to.
  let base: String
  /// Who has to answer there.
  let address: Address
  let limits: PeerLimits
  private let plain: PlainPost

  init(base: String, address: Address, client: HTTPClient, limits: PeerLimits) {
    self.base = base
    self.address = address
    self.limits = limits
    plain = PlainPost(client: client)
  }

  // MARK: The handshake

  /// Opens a session with the pinned agent.
  /// - Parameters:
  ///   - patience: how long all of it may take.
  ///   - now: the time at the end of the exchange, in Unix seconds.
  func openSession(within patience: Duration, now: @Sendable () -> Int64) async throws -> ClientSession {
    let handshake = ClientHandshake(with: address)
    let status: Int
    let answer: [UInt8]
    do {
      (status, answer) = try await TimeLimit.run(patience) {
        let response = try await post(
          "/secure/session", handshake.hello.encoded(), accept: "application/json",
          within: patience)
        let limit = response.status == 200 ? limits.handshakeBytes : limits.refusalBytes
        return (response.status, try await response.collect(upTo: limit, silence: limits.handshake))
      }
    } catch {
      switch error {
      case is CancellationError: throw error
      case let error as ConnectorError: throw error
      case is TimeLimit.Exceeded: throw ConnectorError.handshakeTimedOut(url: base)
      case is NIOTooManyBytesError: throw ConnectorError.badHandshake
      default:
        throw Task.isCancelled ? CancellationError() : ConnectorError.unreachable(url: base)
      }
    }
    guard status == 200 else { throw handshakeRefusal(Refusal(status: status, body: answer)) }
    do {
      let hello = try answer.withUnsafeBytes { try ServerHello(parsing: $0) }
      return try handshake.finish(hello, now: now())
    } catch let error as SecureChannelError {
      throw ConnectorError(error)
    }
  }

  private func handshakeRefusal(_ refusal: Refusal) -> ConnectorError {
    switch refusal.status {
    case 300..<400: .redirected(url: base)
    case 404: .noSuchAgent(address)
    case 429: .tooManyHandshakes
    // Whoever stands before the peer does not get through to it. No call was sent.
    case 502...504 where refusal.code != "agent_offline": .unreachable(url: base)
    default: .rejected(refusal)
    }
  }

  /// Whether the peer pads: asked inside the channel, where nobody in between can answer.
  /// - Parameter patience: how long it may take.
  func offersPadding(_ session: ClientSession, within patience: Duration) async throws -> Bool {
    let question = InnerRequest(
      method: "GET", path: "/health", accept: "application/json",
      headers: [Padding.header: String(Padding.version)])
    let (sealed, answered) = session.seal(question)
    do {
      let answer = try await TimeLimit.run(patience) {
        let response = try await call(sealed, accept: "application/json")
        guard response.status == 200 else { throw error(try await refusal(response)) }
        return try await response.collect(upTo: limits.handshakeBytes, silence: patience)
      }
      var opener = answered
      return try answer.withUnsafeBytes { try opener.openBuffered($0) }.padding == Padding.version
    } catch let error as SecureChannelError {
      throw ConnectorError(error)
    } catch is TimeLimit.Exceeded {
      throw ConnectorError.handshakeTimedOut(url: base)
    } catch {
      throw told(error, patience: patience)
    }
  }

  // MARK: A call

  /// Sends a sealed call and waits for the head of the answer.
  func call(_ body: [UInt8], accept: String) async throws -> PeerResponse {
    do {
      return try await post("/secure/call", body, accept: accept, within: limits.answer)
    } catch {
      throw told(error, patience: limits.answer)
    }
  }

  /// The whole body of an answer.
  func collect(_ response: PeerResponse) async throws -> [UInt8] {
    do {
      return try await response.collect(upTo: limits.answerBytes, silence: limits.silence)
    } catch {
      throw told(error, patience: limits.silence)
    }
  }

  /// Why a call was rejected outside of the channel.
  func refusal(_ response: PeerResponse) async throws -> Refusal {
    do {
      let body = try await response.collect(upTo: limits.refusalBytes, silence: limits.handshake)
      return Refusal(status: response.status, body: body)
    } catch {
      if Task.isCancelled { throw CancellationError() }
      return Refusal(status: response.status, body: [])
    }
  }

  /// What a rejection of a call means.
  func error(_ refusal: Refusal) -> ConnectorError {
    switch refusal.status {
    case 300..<400: .redirected(url: base)
    case 409 where refusal.code == "secure_replay": .replayed
    case 426: .upgradeRequired
    case 429, 503: .busy
    default: .rejected(refusal)
    }
  }

  // MARK: Both

  /// Sends a request, once, and waits for the head of the answer.
  private func post(
    _ path: String, _ body: [UInt8], accept: String, within limit: Duration
  ) async throws -> PeerResponse {
    try await plain.send(base, path, body, accept: accept, within: limit)
  }

  /// An error of the client library in this target's words. What is not known to have failed before the call was
  /// sent counts as sent.
  private func told(_ error: any Error, patience: Duration) -> any Error {
    if Task.isCancelled { return CancellationError() }
    switch error {
    case is ConnectorError, is CancellationError: return error
    case is TimeLimit.Exceeded: return ConnectorError.silent(seconds: Int(patience.components.seconds))
    case is NIOTooManyBytesError: return ConnectorError.answerTooLarge
    case is NIOConnectionError: return ConnectorError.unreachable(url: base)
    case let error as HTTPClientError
    where [.connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout].contains(error):
      return ConnectorError.unreachable(url: base)
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
