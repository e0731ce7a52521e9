import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Logging
import NIOCore
import Pairing
import Stores

/// `/pair/challenge` and `/pair`: a connector that asks for an agent gets an access key for it, where the owner says so.
/// (spec/02, C2 to C5)
struct PairingRoutes: RouteGroup {
  let access: HostAccess
  let peers: PeerStore
  let desk: PairingDesk
  /// One for each kind of request, so that none of them takes another's away.
  let challengeLimiter: AttemptLimiter
  let requestLimiter: AttemptLimiter
  /// Whether a client may have its key in the clear.
  let allowsUnsealedKeys: Bool
  var time = PairingTime()

  func register(on routes: inout Routes) {
    routes.on(.get, "/pair/challenge", .pairing, use: challenge)
    routes.on(.post, "/pair", .pairing, use: pair)
  }

  /// What a request is answered with in place of a key, and `{"error":"<text>"}`.
  private enum Refusal: String, Error {
    case tooMany = "Too many pairing attempts. Try again shortly."
    case malformed = "Invalid pairing request"
    case wrongSignature = "Signature verification failed"
    case stale = "Pairing challenge expired or invalid"
    case noSuchAgent = "Agent not found or not available for pairing"
    case badEncryptionKey = "Invalid encryption key"
    case busy = "Another pairing request is in progress. Try again shortly."
    case denied = "Pairing denied"
    case noKey = "Failed to generate access key"

    var response: Response {
      let status: HTTPResponse.Status =
        switch self {
        case .tooMany, .busy: .tooManyRequests
        case .malformed, .badEncryptionKey: .badRequest
        case .wrongSignature, .stale: .unauthorized
        case .noSuchAgent: .notFound
        case .denied: .forbidden
        case .noKey: .internalServerError
        }
      return .failure(status, code: rawValue)
    }
  }

  private func challenge(_ request: Request, _ context: HostContext) async throws -> Response {
    guard isWelcome(context.caller.origin, challengeLimiter) else { return Refusal.tooMany.response }
    return .json(bytes: ByteBuffer(bytes: desk.challenge().challenge))
  }

  private func pair(_ request: Request, _ context: HostContext) async throws -> Response {
    let origin = context.caller.origin
    guard isWelcome(origin, requestLimiter) else { return Refusal.tooMany.response }
    do {
      let (verified, nonce) = try proven(try await request.bytes())
      let agent: AgentRecord
      do {
        agent = try await wanted(verified, from: origin)
      } catch {
        desk.consume(nonce)
        throw error
      }
      return try await receive(verified, nonce, agent, context)
    } catch let refusal as Refusal {
      return refusal.response
    }
  }

  /// Whether somebody may try now. Who may not has tried, too.
  private func isWelcome(_ origin: Caller.Origin, _ limiter: AttemptLimiter) -> Bool {
    guard let source = origin.source else { return true }
    return limiter.allows(source) && !desk.isBlocked(source)
  }

  /// A request that its connector signed, with a nonce that this host gave out.
  private func proven(_ body: ByteBuffer) throws -> (VerifiedPairingRequest, PairingNonce) {
    let verified: VerifiedPairingRequest
    do {
      verified = try body.withUnsafeReadableBytes { try PairingRequest(parsing: $0) }.verified()
    } catch PairingRefusal.malformed {
      throw Refusal.malformed
    } catch {
      throw Refusal.wrongSignature
    }
    guard let nonce = PairingNonce(verified.request.nonce), desk.holds(nonce) else { throw Refusal.stale }
    return (verified, nonce)
  }

  /// The agent that is asked for, where it can be had in this way. Nobody is asked about a request that could not be
  /// answered anyway.
  private func wanted(
    _ verified: VerifiedPairingRequest, from origin: Caller.Origin
  ) async throws -> AgentRecord {
    guard let agent = try await access.agent(named: verified.request.agentID, from: origin),
      agent.isPairable, agent.address != nil
    else { throw Refusal.noSuchAgent }
    guard verified.request.encPub.map({ SealedAccessKey.canSeal(to: $0) }) ?? allowsUnsealedKeys else {
      throw Refusal.badEncryptionKey
    }
    return agent
  }

  private func receive(
    _ verified: VerifiedPairingRequest, _ nonce: PairingNonce, _ agent: AgentRecord, _ context: HostContext
  ) async throws -> Response {
    let origin = context.caller.origin
    guard let address = agent.address else { throw Refusal.noSuchAgent }
    let visitor = PairingVisitor(
      connector: verified.connector, words: verified.words, agent: agent.id, agentName: agent.name,
      agentAddress: address, source: origin.source)
    let log: Logger.Metadata = [
      "connector": "\(visitor.connector)", "agent": "\(address)", "from": "\(origin.name)",
    ]
    context.logger.info("a connector asks to be let in: osaurus-host pair watch", metadata: log)
    let reception = try await desk.receive(visitor, with: nonce) { isPermanent in
      try await letIn(verified, to: address, isPermanent, origin)
    }
    switch reception {
    case .busy: throw Refusal.busy
    case .stale: throw Refusal.stale
    case .denied:
      context.logger.info("a connector was not let in", metadata: log)
      throw Refusal.denied
    case .failed(let error):
      if let refusal = error as? Refusal { throw refusal }
      if error is PairingError { throw Refusal.badEncryptionKey }
      context.logger.error("a connector could not be let in", metadata: ["error": "\(error)"])
      throw Refusal.noKey
    case .admitted(let answer):
      context.logger.info("a connector was let in", metadata: log)
      return .json(bytes: ByteBuffer(bytes: answer))
    }
  }

  /// Makes the key, and takes it back where the connector has gone meanwhile.
  private func letIn(
    _ verified: VerifiedPairingRequest, to address: Address, _ isPermanent: Bool, _ origin: Caller.Origin
  ) async throws -> (peer: UUID, made: [UInt8]) {
    // As it is now: the owner may have thought for two minutes.
    guard let agent = try access.signingKey(of: address, from: origin) else { throw Refusal.noSuchAgent }
    let (peer, answer) = try await peers.pair(
      verified.connector, with: agent, from: origin.name, expiry: isPermanent ? .never : .days90,
      now: time.date()
    ) { key in
      try PairingAnswer(to: verified, key: key, isPermanent: isPermanent, signedBy: agent).encoded()
    }
    if Task.isCancelled {
      try await peers.withdraw(peer, now: time.date())
      throw CancellationError()
    }
    try await access.refresh()
    return (peer.id, answer)
  }
}

extension Caller.Origin {
  /// Where a request comes from, for people.
  var name: String { source?.description ?? "this machine" }
}
